"""A NautilusTrader live node with its own Lighter adapter, told by its arguments where to connect.

A process of its own, because the node takes over signals, logging and standard output. It writes a line of JSON to
`sys.argv[1]` for each thing seen.
"""

import json
import sys

from nautilus_trader.core import nautilus_pyo3 as nautilus

TRADER = nautilus.TraderId("TESTER-001")
ACCOUNT = nautilus.AccountId("LIGHTER-001")
SOL = nautilus.InstrumentId.from_str("SOL-PERP.LIGHTER")


def say(kind, **more):
    with open(sys.argv[1], "a", encoding="utf-8") as seen:
        seen.write(json.dumps({"saw": kind, **{key: str(value) for key, value in more.items()}}) + "\n")


class Tour(nautilus.Strategy):
    """Places, changes and cancels a limit order, buys at the market, sells what it has, and ends."""

    def __new__(cls):
        return super().__new__(cls, nautilus.StrategyConfig(strategy_id=nautilus.StrategyId("TOUR-001")))

    def __init__(self):
        self.resting = None
        self.quoted = self.traded = self.booked = False

    def on_start(self):
        say("markets", names=" ".join(sorted(map(str, self.cache.instrument_ids()))))
        say("balance", usdc=self.cache.account(ACCOUNT).balance_total(nautilus.Currency.from_str("USDC")))
        self.subscribe_book_deltas(SOL, nautilus.BookType.L2_MBP)
        self.subscribe_trades(SOL)
        self.subscribe_mark_prices(SOL)
        self.subscribe_quotes(SOL)

    def on_mark_price(self, mark):
        say("mark", price=mark.value)

    def on_book_deltas(self, deltas):
        if not self.booked:
            self.booked = True
            say("book", instrument=deltas.instrument_id)

    def on_quote(self, quote):
        if not self.quoted:
            self.quoted = True
            say("quote", bid=quote.bid_price, ask=quote.ask_price)
            self.resting = self.limit("95.000")

    def limit(self, price):
        order = self.order_factory.limit(SOL, nautilus.OrderSide.BUY, size(), nautilus.Price.from_str(price))
        self.submit_order(order)
        return order.client_order_id

    def market(self, side, **more):
        self.submit_order(self.order_factory.market(SOL, side, size(), **more))

    def on_order_accepted(self, event):
        say("accepted", venue_order_id=event.venue_order_id)
        if event.client_order_id == self.resting:
            self.modify_order(self.resting, price=nautilus.Price.from_str("94.000"))

    def on_order_updated(self, event):
        if event.client_order_id == self.resting:
            say("changed", price=event.price)
            self.cancel_order(self.resting)

    def on_order_canceled(self, event):
        say("cancelled", client_order_id=event.client_order_id)
        self.market(nautilus.OrderSide.BUY)

    def on_order_filled(self, event):
        say("filled", side=event.order_side, size=event.last_qty, price=event.last_px, role=event.liquidity_side)

    def on_position_opened(self, event):
        say("opened", size=event.quantity)
        self.market(nautilus.OrderSide.SELL, reduce_only=True)

    def on_position_closed(self, event):
        say("closed")
        self.shutdown_system("done")

    def on_trade(self, trade):
        say("trade", size=trade.size, price=trade.price)

    def on_order_rejected(self, event):
        self.give_up("rejected", event)

    def on_order_denied(self, event):
        self.give_up("denied", event)

    def on_order_modify_rejected(self, event):
        self.give_up("modify rejected", event)

    def on_order_cancel_rejected(self, event):
        self.give_up("cancel rejected", event)

    def give_up(self, kind, event):
        say(kind, reason=event.reason)
        self.shutdown_system(kind)


def size():
    return nautilus.Quantity.from_str("1.000")


def main(http, ws, account_index, key_index, key):
    where = {"base_url_http": http, "base_url_ws": ws}
    who = {"account_index": int(account_index), "api_key_index": int(key_index), "private_key": key}
    data = nautilus.LighterDataClientConfig(**where, **who)
    trading = nautilus.LighterExecClientConfig(TRADER, ACCOUNT, **where, **who)
    builder = nautilus.LiveNode.builder("tour", TRADER, nautilus.common.Environment.LIVE)
    builder = builder.add_data_client(None, nautilus.LighterDataClientFactory(), data)
    builder = builder.add_exec_client(None, nautilus.LighterExecutionClientFactory(), trading)
    node = builder.with_delay_post_stop_secs(0).build()
    node.add_strategy(Tour())
    node.run()


if __name__ == "__main__":
    main(*sys.argv[2:])
