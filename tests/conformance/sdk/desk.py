"""One account with the official SDK's clients, and the waits that every test needs."""

import asyncio
import contextlib
import itertools
import json
import time

import lighter
from lighter import SignerClient
from lighter.exceptions import ApiException

from paper import Account, Paper, paper

SOL, BTC, ETH = 2, 1, 0
LIMIT, MARKET = SignerClient.ORDER_TYPE_LIMIT, SignerClient.ORDER_TYPE_MARKET
IOC = SignerClient.ORDER_TIME_IN_FORCE_IMMEDIATE_OR_CANCEL
GTT = SignerClient.ORDER_TIME_IN_FORCE_GOOD_TILL_TIME
POST_ONLY = SignerClient.ORDER_TIME_IN_FORCE_POST_ONLY

_client_indices = itertools.count(1_000)


async def eventually(ask, seconds: float = 10.0):
    """Returns the first true answer of the coroutine function `ask`."""
    end = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"`{ask}` did not come true in {seconds} s"
        await asyncio.sleep(0.05)


class Desk:
    """An account, its signer and the SDK's REST clients."""

    def __init__(self, exchange: Paper, account: Account):
        self.exchange, self.account, self.index = exchange, account, account.account_index
        self.signer = SignerClient(
            url=exchange.http,
            account_index=account.account_index,
            api_private_keys={account.api_key_index: account.api_private_key},
        )
        self.api = lighter.ApiClient(lighter.Configuration(host=exchange.http))
        self.accounts = lighter.AccountApi(self.api)
        self.orders = lighter.OrderApi(self.api)
        self.transactions = lighter.TransactionApi(self.api)
        self.candles = lighter.CandlestickApi(self.api)
        self.funding = lighter.FundingApi(self.api)
        self.info = lighter.InfoApi(self.api)
        self.root = lighter.RootApi(self.api)

    async def close(self):
        await self.signer.close()
        await self.api.close()

    def token(self) -> str:
        # Hours, because the time of an exchange in a hurry runs ahead of this machine's.
        token, error = self.signer.create_auth_token_with_expiry(
            6 * 3_600, api_key_index=self.account.api_key_index
        )
        assert error is None, error
        return token

    async def executed(self, result) -> dict:
        """Waits until what the signer sent has run, and returns its event; fails when it was refused."""
        *_, answer, error = result
        assert error is None, error
        assert answer.code == 200
        tx_hash = answer.tx_hash
        tx = await eventually(lambda: self.done(tx_hash))
        event = json.loads(tx.event_info or "{}")
        assert not event.get("ae"), event
        return event

    async def done(self, tx_hash: str):
        """Returns the transaction once it has run."""
        try:
            tx = await self.transactions.tx(by="hash", value=tx_hash)
        except ApiException:
            return None
        return tx if tx.status in (0, 2, 3) else None

    async def order(
        self, is_ask, size, price, *, market=SOL, kind=LIMIT, tif=GTT, client=None, expiry=None, **more
    ) -> int:
        """Places an order, waits until it has run, and returns its client order index."""
        client = next(_client_indices) if client is None else client
        if expiry is None:
            expiry = SignerClient.DEFAULT_IOC_EXPIRY if tif == IOC else SignerClient.DEFAULT_28_DAY_ORDER_EXPIRY
        await self.executed(
            await self.signer.create_order(
                market, client, size, price, is_ask, kind, tif, order_expiry=expiry, **more
            )
        )
        return client

    def next_client(self) -> int:
        return next(_client_indices)

    async def find(self, client: int):
        """Returns the order with this client order index, live or not."""
        found = await self.orders.account_orders(
            account_index=self.index, client_order_indexes=str(client), authorization=self.token()
        )
        return found.orders[0] if found.orders else None

    async def status(self, client: int, wanted: str):
        """Waits until the order has this status, and returns it."""

        async def there():
            order = await self.find(client)
            return order if order is not None and order.status == wanted else None

        return await eventually(there)

    async def status_of(self, order, wanted: str):
        """Waits until this very order has a status, whatever its client order index; returns it."""

        async def there():
            for found in [*await self.active(order.market_index), *await self.inactive(order.market_index)]:
                if found.order_index == order.order_index and found.status == wanted:
                    return found
            return None

        return await eventually(there)

    async def refused(self, sending):
        """Sends something that must be refused, at once or when it runs; returns what the signer returns, the venue's
        error last."""
        *rest, answer, error = await sending
        if error is None:
            tx = await eventually(lambda: self.done(answer.tx_hash))
            error = json.loads(tx.event_info or "{}").get("ae")
            assert error, "it was not refused"
        return *rest, answer, str(error)

    async def inactive(self, market=SOL):
        answer = await self.orders.account_inactive_orders(
            account_index=self.index, limit=100, market_id=market, authorization=self.token()
        )
        return answer.orders

    async def active(self, market=SOL):
        answer = await self.orders.account_active_orders(
            account_index=self.index, market_id=market, authorization=self.token()
        )
        return answer.orders

    async def detail(self):
        answer = await self.accounts.account(by="index", value=str(self.index))
        return answer.accounts[0]

    async def position(self, market=SOL):
        """Returns the signed position as text, `0` without one."""
        for row in (await self.detail()).positions:
            if row.market_id == market and float(row.position) != 0:
                return ("-" if row.sign < 0 else "") + row.position
        return "0"

    def advance(self, seconds: int):
        """Lets venue time jump."""
        self.exchange.control("advance", {"seconds": seconds})

    def act(self, market: str, **action):
        """Makes something happen in the market."""
        self.exchange.control("act", {"market": market, "action": action})


@contextlib.asynccontextmanager
async def desks(count: int, *flags: str):
    """Starts an exchange in a market that stands still, and gives `count` desks."""
    from paper import WORLDS

    world = [] if "--world" in flags else ["--world", str(WORLDS / "still.yaml")]
    limits = [] if "--limits" in flags else ["--no-rate-limit"]
    flags = [flag for flag in flags if flag != "--limits"]
    with paper("--accounts", str(count), *world, *limits, *flags) as exchange:
        made = [Desk(exchange, account) for account in exchange.accounts]
        try:
            yield made
        finally:
            for desk in made:
                await desk.close()
