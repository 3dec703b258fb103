"""ccxt's synchronous client: multipart bodies, every unified method that it has for this venue."""

import ccxt
import pytest
from market import BTC, ETH, SOL, STILL, client

from paper import paper, until


@pytest.fixture(scope="module")
def exchange():
    with paper(*STILL) as running:
        yield running


@pytest.fixture
def trader(exchange):
    made = client(ccxt.lighter, exchange)
    made.load_markets()
    yield made
    made.cancel_all_orders()
    until(lambda: not made.fetch_open_orders(SOL))
    size = held(made)
    if size:
        side, price = ("sell", 97) if size > 0 else ("buy", 103)
        made.create_order(SOL, "market", side, abs(size), price, {"reduceOnly": True})
        until(lambda: not held(made))


def held(trader, symbol=SOL) -> float:
    """Returns the signed position."""
    sizes = [
        row["contracts"] * (1 if row["side"] == "long" else -1)
        for row in trader.fetch_positions([symbol])
        if row["contracts"]
    ]
    return sum(sizes)


def order(trader, client_id, symbol=SOL):
    """Returns the live order that was given `client_id`."""
    rows = [row for row in trader.fetch_open_orders(symbol) if row["clientOrderId"] == str(client_id)]
    return rows[0] if rows else None


def ended(trader, client_id, symbol=SOL):
    """Returns the order that was given `client_id`, once it has ended."""
    rows = [row for row in trader.fetch_closed_orders(symbol) if row["clientOrderId"] == str(client_id)]
    return rows[0] if rows else None


def test_markets_have_their_grids_and_limits(trader):
    assert set(trader.markets) >= {SOL, ETH, BTC}
    sol = trader.market(SOL)
    assert sol["active"] and sol["swap"] and sol["linear"]
    assert (sol["precision"]["amount"], sol["precision"]["price"]) == (0.001, 0.001)
    assert sol["limits"]["cost"]["min"] == 10
    assert trader.fetch_currencies()["USDC"]["precision"] == 1e-6


def test_status_and_time(trader):
    assert trader.fetch_status()["status"] == "ok"
    assert abs(trader.fetch_time() - trader.milliseconds()) < 5_000


def test_prices(trader):
    ticker = trader.fetch_ticker(SOL)
    assert ticker["markPrice"] == 100
    assert set(trader.fetch_tickers()) >= {SOL, ETH, BTC}
    book = trader.fetch_order_book(SOL)
    assert 99 < book["bids"][0][0] < 100 < book["asks"][0][0] < 101
    assert [row[0] for row in book["bids"]] == sorted((row[0] for row in book["bids"]), reverse=True)
    rates = trader.fetch_funding_rates()
    assert rates[SOL]["fundingRate"] is not None


def test_accounts_and_balance(exchange, trader):
    assert trader.fetch_accounts()[0]["id"] == str(exchange.accounts[0].account_index)
    balance = trader.fetch_balance({"type": "swap"})
    assert 9_900 < balance["USDC"]["total"] <= 10_000
    assert balance["USDC"]["free"] <= balance["USDC"]["total"]


def test_a_limit_order_is_placed_seen_edited_and_cancelled(trader):
    trader.create_order(SOL, "limit", "buy", 1, 95, {"clientOrderId": 101})
    placed = until(lambda: order(trader, 101))
    assert (placed["price"], placed["amount"], placed["side"], placed["status"]) == (95, 1, "buy", "open")
    trader.edit_order(placed["id"], SOL, "limit", "buy", 2, 94)
    until(lambda: (order(trader, 101) or {}).get("price") == 94)
    edited = order(trader, 101)
    assert (edited["id"], edited["amount"]) == (placed["id"], 2)
    trader.cancel_order(placed["id"], SOL)
    assert until(lambda: ended(trader, 101))["status"] == "canceled"
    assert order(trader, 101) is None


def test_an_order_is_cancelled_by_our_number(trader):
    trader.create_order(SOL, "limit", "buy", 1, 95, {"clientOrderId": 111})
    until(lambda: order(trader, 111))
    trader.cancel_order(None, SOL, {"clientOrderId": 111})
    assert until(lambda: ended(trader, 111))["status"] == "canceled"


def test_post_only_rests_or_is_cancelled(trader):
    trader.create_order(SOL, "limit", "buy", 1, 95, {"postOnly": True, "clientOrderId": 121})
    assert until(lambda: order(trader, 121))["timeInForce"] == "PO"
    trader.create_order(SOL, "limit", "buy", 1, 102, {"postOnly": True, "clientOrderId": 122})
    refused = until(lambda: ended(trader, 122))
    assert (refused["status"], refused["filled"]) == ("canceled", 0)


def test_a_market_order_fills_and_shows_everywhere(trader):
    trader.create_order(SOL, "market", "buy", 1, 100, {"clientOrderId": 131})
    filled = until(lambda: ended(trader, 131))
    assert (filled["status"], filled["filled"]) == ("closed", 1)
    trades = [row for row in trader.fetch_my_trades(SOL) if row["order"] == filled["id"]]
    assert sum(row["amount"] for row in trades) == 1
    assert {(row["side"], row["takerOrMaker"]) for row in trades} == {("buy", "taker")}
    assert held(trader) == 1
    position = trader.fetch_position(SOL)
    assert (position["side"], position["marginMode"]) == ("long", "cross")
    assert trades[0]["id"] in {row["id"] for row in trader.fetch_trades(SOL)}
    minute = trader.fetch_ohlcv(SOL, "1m")[-1]
    assert minute[3] <= trades[0]["price"] <= minute[2]


@pytest.mark.parametrize(
    ("number", "kind", "level"),
    [(141, "stopLossPrice", 97), (142, "takeProfitPrice", 103)],
)
def test_an_order_waits_for_its_trigger(trader, number, kind, level):
    trader.create_order(SOL, "market", "buy", 1, 100)
    until(lambda: held(trader) == 1)
    # Without an expiry ccxt sends 0, which the venue's own signer refuses for an order that has to wait.
    expiry = trader.milliseconds() + 3_600_000
    more = {kind: level, "reduceOnly": True, "clientOrderId": number, "orderExpiry": expiry}
    trader.create_order(SOL, "market", "sell", 1, level * 0.99, more)
    waiting = until(lambda: order(trader, number))
    assert (waiting["triggerPrice"], waiting["reduceOnly"], waiting["status"]) == (level, True, "open")
    trader.cancel_all_orders()
    assert until(lambda: ended(trader, number))["status"] == "canceled"


def test_the_dead_mans_switch_is_set_and_taken_back(exchange, trader):
    def due():
        row = trader.publicGetAccount({"by": "index", "value": exchange.accounts[0].account_index})
        return int(row["accounts"][0]["cancel_all_time"])

    trader.cancel_all_orders_after(600_000)
    until(lambda: due() > 0)
    trader.cancel_all_orders_after(0)
    until(lambda: due() == 0)


def test_leverage_and_margin_mode(trader):
    trader.set_leverage(10, SOL, {"marginMode": "cross"})
    trader.create_order(SOL, "market", "buy", 1, 100)
    until(lambda: held(trader) == 1)
    assert trader.fetch_position(SOL)["leverage"] == 10
    trader.set_margin_mode("isolated", ETH, {"leverage": 5})
    price = trader.fetch_order_book(ETH)["asks"][0][0]
    trader.create_order(ETH, "market", "buy", 0.1, price)
    until(lambda: held(trader, ETH))
    before = trader.fetch_position(ETH)
    assert (before["marginMode"], before["leverage"]) == ("isolated", 5)
    trader.add_margin(ETH, 7)
    allocated = float(before["info"]["allocated_margin"])
    until(lambda: float(trader.fetch_position(ETH)["info"]["allocated_margin"]) > allocated + 6.5)
    trader.reduce_margin(ETH, 7)
    until(lambda: float(trader.fetch_position(ETH)["info"]["allocated_margin"]) < allocated + 0.5)
    trader.create_order(ETH, "market", "sell", 0.1, price * 0.99, {"reduceOnly": True})
    until(lambda: not held(trader, ETH))


def test_a_withdrawal_shows_in_the_history(trader):
    before = len(trader.fetch_withdrawals())
    trader.withdraw("USDC", 25, trader.walletAddress)
    until(lambda: len(trader.fetch_withdrawals()) == before + 1)
    newest = max(trader.fetch_withdrawals(), key=lambda row: row["timestamp"])
    assert (newest["amount"], newest["currency"], newest["status"]) == (25, "USDC", "pending")


def test_a_deposit_shows_in_the_history(exchange, trader):
    owner = exchange.accounts[0]
    exchange.control("deposit", {"account": owner.account_index, "micros": 50_000_000})
    rows = until(lambda: trader.fetch_deposits(params={"address": owner.l1_address}))
    assert 50 in {row["amount"] for row in rows}


def test_money_moves_to_a_sub_account_and_shows_in_the_history(exchange, trader):
    owner = exchange.accounts[0]
    trader.create_sub_account("second")
    until(lambda: len(trader.fetch_accounts()) == 2)
    second = next(row["id"] for row in trader.fetch_accounts() if row["id"] != str(owner.account_index))
    trader.transfer("USDC", 5, "perp", "perp", {"toAccountIndex": int(second), "memo": "0x" + "00" * 32})
    moved = until(lambda: trader.fetch_transfers())
    assert (moved[0]["amount"], moved[0]["currency"]) == (5, "USDC")


def test_refusals_become_the_errors_that_ccxt_has_for_them(trader):
    with pytest.raises(ccxt.InvalidOrder, match="21706"):
        trader.create_order(SOL, "limit", "buy", 0.06, 95)
    with pytest.raises(ccxt.InvalidOrder, match="2173[34]"):
        trader.create_order(SOL, "limit", "buy", 1, 120)
    with pytest.raises(ccxt.BaseError, match="21739|not enough|margin"):
        trader.create_order(SOL, "limit", "buy", 5_000, 99)


def test_the_refusals_of_the_rate_limit(exchange):
    with paper("--accounts", "1") as limited:
        hurried = client(ccxt.lighter, limited)
        with pytest.raises(ccxt.RateLimitExceeded, match="23000"):
            for _ in range(70):
                hurried.fetch_status()
