"""ccxt pro: asynchronous requests, and everything that it watches over the WebSocket."""

import asyncio
import contextlib

import ccxt.pro
import pytest
from market import BTC, ETH, SOL, STILL, client

from paper import paper


@pytest.fixture(scope="module")
def exchange():
    with paper(*STILL) as running:
        yield running


@contextlib.asynccontextmanager
async def opened(exchange, account=0):
    made = client(ccxt.pro.lighter, exchange, account)
    await made.load_markets()
    try:
        yield made
    finally:
        await made.close()


async def seen(watch, wanted, seconds=10):
    """Watches until an answer satisfies `wanted`, and returns it."""
    async with asyncio.timeout(seconds):
        while True:
            answer = await watch()
            if found := wanted(answer):
                return found


def of(client_id, **wanted):
    """Returns a condition: one of the orders has our number and these fields."""

    def found(orders):
        for row in orders:
            if row["clientOrderId"] == str(client_id) and all(row[key] == wanted[key] for key in wanted):
                return row
        return None

    return found


async def test_the_book_follows_an_order_of_ours(exchange):
    async with opened(exchange) as trader:
        await seen(lambda: trader.watch_order_book(SOL), lambda book: book["bids"] and book["asks"])
        await trader.create_order(SOL, "limit", "buy", 3.5, 97.531)
        await seen(lambda: trader.watch_order_book(SOL), lambda book: [97.531, 3.5] in book["bids"])
        await trader.cancel_all_orders()
        gone = lambda book: 97.531 not in [row[0] for row in book["bids"]]  # noqa: E731
        await seen(lambda: trader.watch_order_book(SOL), gone)
        await trader.un_watch_order_book(SOL)


async def test_tickers_and_mark_prices(exchange):
    async with opened(exchange) as trader:
        await seen(lambda: trader.watch_ticker(SOL), lambda row: row["markPrice"] == 100)
        await seen(lambda: trader.watch_mark_price(SOL), lambda row: row["markPrice"] == 100)
        await seen(lambda: trader.watch_tickers(), lambda _: {SOL, ETH, BTC} <= set(trader.tickers))
        await trader.un_watch_ticker(SOL)


async def test_an_order_and_its_fill_are_seen_as_they_happen(exchange):
    async with opened(exchange) as taker, opened(exchange, 1) as maker:
        await seen(lambda: taker.watch_balance({"type": "swap"}), lambda row: row["USDC"]["total"] > 9_000)
        fills = [asyncio.ensure_future(one.watch_my_trades(SOL)) for one in (taker, maker)]
        tape = asyncio.ensure_future(seen(lambda: taker.watch_trades(SOL), bool))
        orders = asyncio.ensure_future(maker.watch_orders(SOL))
        await maker.create_order(SOL, "limit", "sell", 0.4, 100.001, {"clientOrderId": 201})
        resting = of(201, status="open")
        if not resting(await orders):
            await seen(lambda: maker.watch_orders(SOL), resting)
        # Asked before it happens: a watch tells what comes after it.
        closed = asyncio.ensure_future(
            seen(lambda: maker.watch_orders(SOL), of(201, status="closed", filled=0.4))
        )
        await taker.create_order(SOL, "market", "buy", 0.4, 100.001, {"clientOrderId": 202})
        async with asyncio.timeout(10):
            taken, made = await asyncio.gather(*fills)
        assert (taken[-1]["side"], taken[-1]["takerOrMaker"], taken[-1]["amount"]) == ("buy", "taker", 0.4)
        assert (made[-1]["side"], made[-1]["takerOrMaker"], made[-1]["price"]) == ("sell", "maker", 100.001)
        assert taken[-1]["id"] == made[-1]["id"]
        await asyncio.gather(closed, tape)
        await seen(lambda: taker.watch_balance({"type": "swap"}), lambda row: row["USDC"]["used"] > 0)
        assert (await taker.fetch_positions([SOL]))[0]["side"] == "long"


async def test_a_cancelled_order_is_told_once_more(exchange):
    async with opened(exchange) as trader:
        first = asyncio.ensure_future(seen(lambda: trader.watch_orders(SOL), of(211, status="open")))
        # The subscription goes out before the order does; a snapshot would carry it as well.
        await trader.create_order(SOL, "limit", "buy", 1, 95, {"clientOrderId": 211})
        placed = await first
        # Listening again before anything happens: what arrives while nobody waits is only in the client's cache.
        last = asyncio.ensure_future(seen(lambda: trader.watch_orders(SOL), of(211, status="canceled")))
        await asyncio.sleep(0)
        await trader.cancel_order(placed["id"], SOL)
        await last
        await trader.un_watch_orders(SOL)


async def test_spot_balances_are_watched_with_a_token(exchange):
    async with opened(exchange) as trader:
        await trader.pre_load_lighter_library()
        balance = await seen(lambda: trader.watch_balance({"type": "spot"}), lambda row: row.get("USDC"))
        assert balance["total"] == 0


async def test_a_subscription_that_ended_can_be_made_again(exchange):
    async with opened(exchange) as trader:
        for _ in range(2):
            await seen(lambda: trader.watch_order_book(SOL), lambda book: book["bids"])
            await trader.un_watch_order_book(SOL)
