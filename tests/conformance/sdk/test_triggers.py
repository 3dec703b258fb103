"""Stop-loss and take-profit orders: they wait for the mark price."""

import pytest

from desk import IOC, SOL, desks


async def held(desk):
    """Buys one SOL to protect."""
    await desk.order(False, 1_000, 101_000, tif=IOC)
    assert await desk.position() == "1.000"


@pytest.mark.parametrize(
    ("method", "kind", "trigger", "price", "mark"),
    [
        ("create_sl_order", "stop-loss", 98_000, 96_000, "97.500"),
        ("create_sl_limit_order", "stop-loss-limit", 98_000, 96_000, "97.500"),
        # A bound below the old price: the mark may move a moment before the makers' quotes do.
        ("create_tp_order", "take-profit", 102_000, 99_000, "102.500"),
        ("create_tp_limit_order", "take-profit-limit", 102_000, 99_000, "102.500"),
    ],
)
async def test_a_protective_order_waits_and_fires(method, kind, trigger, price, mark):
    async with desks(1) as (desk,):
        await held(desk)
        client = desk.next_client()
        create = getattr(desk.signer, method)
        await desk.executed(await create(SOL, client, 1_000, trigger, price, True, reduce_only=True))
        order = await desk.find(client)
        assert (order.type, order.status, order.trigger_status) == (kind, "pending", "mark-price")
        assert order.trigger_price == f"{trigger / 1_000:.3f}"
        detail = await desk.detail()
        assert detail.pending_order_count == 1
        desk.act("SOL", do="set_price", price=mark)
        fired = await desk.status(client, "filled")
        assert fired.filled_base_amount == "1.000"
        assert fired.order_index == order.order_index, "a triggered order keeps its index"
        assert await desk.position() == "0"


async def test_a_waiting_order_can_be_cancelled():
    async with desks(1) as (desk,):
        await held(desk)
        client = desk.next_client()
        await desk.executed(
            await desk.signer.create_sl_order(SOL, client, 1_000, 98_000, 96_000, True, reduce_only=True)
        )
        await desk.executed(await desk.signer.cancel_order(SOL, client))
        assert (await desk.find(client)).status == "canceled"
        desk.act("SOL", do="set_price", price="97.500")
        assert await desk.position() == "1.000"


async def test_protection_goes_with_the_position():
    async with desks(1) as (desk,):
        await held(desk)
        client = desk.next_client()
        await desk.executed(
            await desk.signer.create_sl_order(SOL, client, 1_000, 98_000, 96_000, True, reduce_only=True)
        )
        await desk.order(True, 1_000, 99_000, tif=IOC, reduce_only=True)
        order = await desk.find(client)
        assert order.status.startswith("canceled"), order.status
