"""Every channel's frames, key by key."""

import pytest
import shapes
from plain import PREMIUM, SOL, STILL, connected, sendtx, signing

from paper import paper

FREE = ["account_all", "account_all_positions", "account_all_trades", "user_stats"]
CLOSED = ["account_all_orders", "account_all_assets", "account_tx", "notification"]


@pytest.fixture(scope="module")
def exchange():
    with paper(*STILL) as running:
        yield running


@pytest.fixture(scope="module")
def lively():
    with paper("--accounts", "1", *PREMIUM, "--time-scale", "60") as running:
        yield running


async def test_order_book(lively):
    async with connected(lively) as line:
        await line.subscribe(f"order_book/{SOL}")
        for kind in ("subscribed/order_book", "update/order_book"):
            frame = await line.of(kind)
            assert set(frame) == shapes.ORDER_BOOK_FRAME
            assert set(frame["order_book"]) == shapes.ORDER_BOOK
            assert frame["channel"] == f"order_book:{SOL}"
            levels = frame["order_book"]["asks"] + frame["order_book"]["bids"]
            assert levels and all(set(level) == shapes.LEVEL for level in levels)
            assert all(len(level["price"].split(".")[1]) == 3 for level in levels)


async def test_ticker(lively):
    async with connected(lively) as line:
        await line.subscribe(f"ticker/{SOL}")
        for kind in ("subscribed/ticker", "update/ticker"):
            frame = await line.of(kind)
            assert set(frame) == shapes.TICKER_FRAME
            assert set(frame["ticker"]) == shapes.TICKER
            assert set(frame["ticker"]["a"]) == set(frame["ticker"]["b"]) == shapes.LEVEL


async def test_trades(lively):
    async with connected(lively) as line:
        await line.subscribe(f"trade/{SOL}")
        assert set(await line.of("subscribed/trade")) == shapes.TRADE_FRAME
        frame = await line.next(lambda frame: frame.get("type") == "update/trade" and frame["trades"], 30)
        assert set(frame) == shapes.TRADE_FRAME
        for trade in frame["trades"]:
            shapes.check_trade(trade)


async def test_market_stats(lively):
    async with connected(lively) as line:
        await line.subscribe(f"market_stats/{SOL}")
        for kind in ("subscribed/market_stats", "update/market_stats"):
            frame = await line.of(kind)
            assert set(frame) == {"channel", "market_stats", "timestamp", "type"}
            assert set(frame["market_stats"]) == shapes.MARKET_STATS
        await line.subscribe("market_stats/all")
        frame = await line.next(lambda frame: frame.get("channel") == "market_stats:all")
        assert {"0", "1", "2"} == set(frame["market_stats"])
        assert all(set(row) == shapes.MARKET_STATS for row in frame["market_stats"].values())


async def test_candles_and_height(lively):
    async with connected(lively) as line:
        await line.subscribe(f"candle/{SOL}/1m")
        frame = await line.next(lambda frame: frame.get("candles"), 30)
        assert set(frame) == {"candles", "channel", "timestamp", "type"}
        assert frame["channel"] == f"candle:{SOL}:1m"
        assert all(set(row) >= shapes.CANDLE for row in frame["candles"])
        assert isinstance(frame["candles"][0]["o"], (int, float))
        await line.subscribe("height")
        first = (await line.of("update/height"))["height"]
        assert (await line.of("update/height"))["height"] > first


async def test_what_an_account_sees_of_a_fill(exchange):
    async with signing(exchange) as signer, connected(exchange) as line:
        me, token = signer.owner.account_index, signer.token()
        for name in FREE + CLOSED:
            await line.subscribe(f"{name}/{me}", token)
            snapshot = await line.of(f"subscribed/{name}")
            assert snapshot["channel"] == f"{name}:{me}"
        for name in ("account_orders", "account_market"):
            await line.subscribe(f"{name}/{SOL}/{me}", token)
            await line.of(f"subscribed/{name}")
        await line.say(sendtx(signer.taker(301, 101_000)))
        seen = {}

        def kept(frame):
            seen.setdefault(frame.get("type"), []).append(frame)
            wanted = FREE + ["account_all_orders", "account_orders", "account_market", "account_tx"]
            return all(f"update/{name}" in seen for name in wanted)

        await line.next(kept)
        last = {kind: frames[-1] for kind, frames in seen.items()}
        everything = last["update/account_all"]
        assert set(everything) >= shapes.ACCOUNT_ALL, shapes.ACCOUNT_ALL - set(everything)
        assert all(set(row) >= shapes.ASSET for row in everything["assets"].values())
        positions = last["update/account_all_positions"]["positions"]
        assert set(positions[str(SOL)]) >= shapes.POSITION
        assert (positions[str(SOL)]["position"], positions[str(SOL)]["sign"]) == ("1.000", 1)
        for trade in last["update/account_all_trades"]["trades"][str(SOL)]:
            shapes.check_trade(trade)
        assert set(last["update/user_stats"]["stats"]) >= shapes.STATS
        for kind in ("update/account_all_orders", "update/account_orders"):
            orders = [row for frame in seen[kind] for row in frame["orders"][str(SOL)]]
            assert all(set(row) >= shapes.ORDER for row in orders), shapes.ORDER - set(orders[0])
            assert orders[-1]["client_order_id"] == "301" and orders[-1]["status"] == "filled"
        market = last["update/account_market"]
        assert set(market) >= {"account", "channel", "orders", "position", "trades", "type"}
        txs = [tx for frame in seen["update/account_tx"] for tx in frame["txs"]]
        assert set(txs[-1]) >= shapes.TX, shapes.TX - set(txs[-1])


async def test_book_frames_follow_one_another_over_an_hour():
    """Over an hour of the exchange's time no frame is missing and the book never crosses."""
    with paper("--accounts", "1", *PREMIUM, "--time-scale", "120") as fast:
        await follow_for_an_hour(fast)


async def follow_for_an_hour(fast):
    async with connected(fast) as line:
        await line.subscribe(f"order_book/{SOL}")
        first = await line.of("subscribed/order_book")
        sides = {
            side: {row["price"]: row["size"] for row in first["order_book"][side]} for side in ("asks", "bids")
        }
        nonce, last, frames = first["order_book"]["nonce"], first["timestamp"], 0
        while last < first["timestamp"] + 3_600_000:
            frame = await line.of("update/order_book")
            book, last, frames = frame["order_book"], frame["timestamp"], frames + 1
            assert book["begin_nonce"] == nonce < book["nonce"]
            nonce = book["nonce"]
            for side in sides:
                for row in book[side]:
                    if float(row["size"]):
                        sides[side][row["price"]] = row["size"]
                    else:
                        assert sides[side].pop(row["price"], None), "a level was removed that was not there"
            if sides["asks"] and sides["bids"]:
                assert max(map(float, sides["bids"])) < min(map(float, sides["asks"]))
        assert frames > 100
