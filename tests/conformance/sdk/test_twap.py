"""Orders that are sent in slices."""

from desk import GTT, SOL, SignerClient, desks, eventually

TWAP = SignerClient.ORDER_TYPE_TWAP


async def start(desk, size, minutes) -> int:
    now = (await desk.root.status()).timestamp * 1_000
    return await desk.order(False, size, 101_000, kind=TWAP, tif=GTT, expiry=now + minutes * 60_000)


async def test_it_fills_in_slices_until_its_end():
    async with desks(1, "--time-scale", "60") as (desk,):
        client = await start(desk, 4_000, 8)
        parent = await desk.find(client)
        assert (parent.type, parent.status) == ("twap", "pending"), parent
        assert 0 < float(parent.filled_base_amount) < 4
        done = await desk.status(client, "filled")
        assert (done.filled_base_amount, done.remaining_base_amount) == ("4.000", "0.000")
        assert await desk.position() == "4.000"
        answer = await desk.orders.trades(
            sort_by="timestamp", limit=100, account_index=desk.index, authorization=desk.token()
        )
        assert len(answer.trades) >= 10, "one slice every 30 seconds"
        assert sum(float(trade.size) for trade in answer.trades) == 4.0


async def test_a_cancelled_one_keeps_what_it_has():
    async with desks(1, "--time-scale", "20") as (desk,):
        client = await start(desk, 4_000, 20)

        async def begun():
            return float((await desk.find(client)).filled_base_amount) > 0

        await eventually(begun)
        await desk.executed(await desk.signer.cancel_order(SOL, client))
        order = await desk.find(client)
        assert order.status == "canceled"
        assert await desk.position() == order.filled_base_amount
        assert 0 < float(order.filled_base_amount) < 4
