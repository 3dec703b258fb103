"""Errors with the venue's codes and texts, keep-alive, and the limits of a connection."""

import contextlib
import json
import urllib.request

import pytest
import websockets
from plain import QUIET, SOL, STILL, connected, sendtx, sendtxbatch, signing

from paper import paper, until


@pytest.fixture(scope="module")
def exchange():
    with paper(*STILL) as running:
        yield running


@pytest.fixture(scope="module")
def limited():
    with paper("--accounts", "1", "--tier", "premium") as running:
        yield running


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ("{", 30000, "Invalid Json"),
        ('"ping"', 30000, "Invalid Json"),
        ('{"type":"dance"}', 30001, "Invalid Type"),
        ('{"type":"unsubscribe","channel":"order_book/0"}', 30002, "Not Subscribed to : order_book:0"),
        ('{"type":"subscribe","channel":"dance/1"}', 30005, "Invalid Channel"),
        ('{"type":"subscribe","channel":"order_book/200"}', 30005, "Invalid Channel:  (marketId)"),
        ('{"type":"jsonapi/sendtx"}', 30007, "Invalid Data"),
        (
            '{"type":"subscribe","channel":"account_all_orders/1001"}',
            20001,
            "invalid param : auth field is required: account_all_orders:1001",
        ),
        ('{"type":"subscribe","channel":"account_all_orders/1001","auth":"no"}', 20013, "invalid auth"),
    ],
)
async def test_error_texts(exchange, said, code, text):
    async with connected(exchange) as line:
        await line.say(said)
        assert await line.error() == (code, text)
        await line.say({"type": "ping"})
        assert await line.of("pong") == {"type": "pong"}


async def test_a_second_subscription_is_refused_and_the_first_goes_on(exchange):
    async with connected(exchange) as line:
        await line.subscribe("height")
        await line.of("update/height")
        await line.subscribe("height")
        assert await line.error() == (30003, "Already Subscribed to : height")
        await line.of("update/height")
        await line.unsubscribe("height")
        assert await line.of("unsubscribed") == {"type": "unsubscribed", "channel": "height"}


async def test_a_token_opens_its_own_account_only(exchange):
    async with signing(exchange, 1) as other, connected(exchange) as line:
        await line.subscribe(f"account_all_orders/{exchange.accounts[0].account_index}", other.token())
        assert await line.error() == (20013, "invalid auth")


async def test_a_readonly_connection_takes_no_transactions(exchange):
    async with signing(exchange) as signer, connected(exchange, "?readonly=true") as line:
        await line.subscribe(f"order_book/{SOL}")
        await line.of("subscribed/order_book")
        await line.say(sendtx(signer.order(401, 95_000)))
        assert await line.error() == (30006, "Operation isn't supported")
        await line.say(sendtxbatch([signer.order(402, 95_000)]))
        assert (await line.error())[0] == 30006


async def test_transactions_over_the_socket(exchange):
    async with signing(exchange) as signer, connected(exchange) as line:
        await line.subscribe(f"account_all_orders/{signer.owner.account_index}", signer.token())
        await line.of("subscribed/account_all_orders")
        single = signer.order(411, 95_000)
        await line.say(sendtx(single, "my-1"))
        answer = await line.of("jsonapi/sendtx")
        assert (answer["code"], answer["id"], answer["tx_hash"]) == (200, "my-1", single[2])
        assert answer["predicted_execution_time_ms"] > 1_600_000_000_000
        batch = [signer.order(412, 95_000), signer.order(413, 94_000)]
        await line.say(sendtxbatch(batch, 7))
        answer = await line.of("jsonapi/sendtxbatch")
        assert (answer["code"], answer["id"]) == (200, 7)
        assert answer["tx_hash"] == [row[2] for row in batch]
        resting = set()

        def all_rest(frame):
            for row in frame.get("orders", {}).get(str(SOL), []):
                resting.add(row["client_order_index"])
            return {412, 413} <= resting

        await line.next(all_rest)


async def test_failures_of_transactions_have_both_forms(exchange):
    async with signing(exchange) as signer, connected(exchange) as line:
        await line.say(sendtx(signer.order(421, 95_000, nonce=signer.nonce + 99), "my-2"))
        refused = await line.next(lambda frame: "error" in frame)
        assert refused == {"error": {"code": 21104, "message": "invalid nonce"}, "id": "my-2"}
        forged = sendtx(signer.order(422, 95_000, nonce=signer.nonce))
        forged["data"]["tx_info"]["Price"] = 94_000
        await line.say(forged)
        assert (await line.error())[0] == 21120
        exchange.control("faults", {"endpoint": "ws/sendtx", "kind": "other_form", "count": 1})
        await line.say(sendtx(signer.order(423, 95_000, nonce=signer.nonce)))
        other = await line.of("jsonapi/sendtx")
        assert other["code"] != 200 and other["message"] and "error" not in other


async def test_too_many_messages(limited):
    async with connected(limited) as line:
        for _ in range(201):
            await line.say({"type": "ping"})
        assert await line.error() == (30009, "Too Many Websocket Messages!")


async def test_too_many_connections(limited):
    async with contextlib.AsyncExitStack() as stack:
        with pytest.raises(websockets.InvalidStatus) as refused:
            for _ in range(256):
                await stack.enter_async_context(connected(limited))
        response = refused.value.response
        assert response.status_code == 429
        assert json.loads(response.body)["code"] in (23000, 23003)


async def test_a_server_that_goes_down_says_so_first(exchange):
    async with connected(exchange) as line:
        await line.subscribe(f"ticker/{SOL}")
        await line.of("subscribed/ticker")
        exchange.control("faults", {"endpoint": "ws/frame/height", "kind": "shutdown", "ms": 50, "count": 1})
        await line.subscribe("height")
        notice = await line.of("shutdown")
        assert notice == {"type": "shutdown", "close_in_ms": 50}
        await line.ended(5)


async def test_too_many_subscriptions():
    """The limit of different accounts, 23002, is as high and can therefore never be met first."""
    with paper("--accounts", "130", "--tier", "premium", "--time-scale", "60", *QUIET) as crowd:
        async with connected(crowd) as line:
            names = ["account_all_trades", "account_all_positions", "account_all", "user_stats"]
            channels = [f"{name}/{owner.account_index}" for name in names for owner in crowd.accounts]
            for start in range(0, 501, 190):
                # The limit of messages is another one: a minute of the exchange's time between the parts.
                minute = venue_time(crowd) + 61
                for channel in channels[start : min(start + 190, 501)]:
                    await line.subscribe(channel)
                until(lambda minute=minute: venue_time(crowd) >= minute, pause=0.2)
            assert await line.error() == (23001, "Too Many Subscriptions!")


def venue_time(exchange) -> int:
    """Returns the exchange's time in seconds."""
    with urllib.request.urlopen(exchange.http, timeout=10) as answer:
        return json.load(answer)["timestamp"]
