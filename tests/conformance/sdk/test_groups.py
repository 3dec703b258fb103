"""Orders that hang together."""

from lighter.signer_client import CreateOrderTxReq

from desk import GTT, IOC, LIMIT, SOL, SignerClient, desks

SL, TP = SignerClient.ORDER_TYPE_STOP_LOSS, SignerClient.ORDER_TYPE_TAKE_PROFIT


def part(kind, tif, size, price, is_ask, trigger=0, reduce_only=0):
    """One order of a group; groups carry no client order index."""
    return CreateOrderTxReq(
        MarketIndex=SOL,
        ClientOrderIndex=0,
        BaseAmount=size,
        Price=price,
        IsAsk=is_ask,
        Type=kind,
        TimeInForce=tif,
        ReduceOnly=reduce_only,
        TriggerPrice=trigger,
        OrderExpiry=-1,
    )


def stop(size):
    return part(SL, IOC, size, 96_000, 1, trigger=98_000, reduce_only=1)


def profit(size):
    return part(TP, IOC, size, 100_000, 1, trigger=102_000, reduce_only=1)


async def by_type(desk):
    return {order.type: order for order in await desk.active()}


async def test_one_cancels_the_other():
    async with desks(1) as (desk,):
        await desk.order(False, 1_000, 101_000, tif=IOC)
        await desk.executed(
            await desk.signer.create_grouped_orders(
                SignerClient.GROUPING_TYPE_ONE_CANCELS_THE_OTHER, [profit(1_000), stop(1_000)]
            )
        )
        waiting = await by_type(desk)
        assert set(waiting) == {"take-profit", "stop-loss"}
        assert waiting["stop-loss"].to_cancel_order_id_0 == waiting["take-profit"].order_id
        desk.act("SOL", do="set_price", price="97.500")
        await desk.status_of(waiting["stop-loss"], "filled")
        await desk.status_of(waiting["take-profit"], "canceled-oco")
        assert await desk.position() == "0"


async def test_one_triggers_the_other_with_what_was_filled():
    async with desks(2) as (desk, other):
        await desk.executed(
            await desk.signer.create_grouped_orders(
                SignerClient.GROUPING_TYPE_ONE_TRIGGERS_THE_OTHER,
                [part(LIMIT, GTT, 1_000, 99_995, 0), stop(0)],
            )
        )
        waiting = await by_type(desk)
        assert waiting["stop-loss"].trigger_status == "parent-order"
        assert waiting["stop-loss"].parent_order_id == waiting["limit"].order_id
        await other.order(True, 1_000, 99_995, tif=IOC)
        await desk.status_of(waiting["limit"], "filled")
        armed = await desk.status_of(waiting["stop-loss"], "pending")
        assert (armed.trigger_status, armed.initial_base_amount) == ("mark-price", "1.000")
        desk.act("SOL", do="set_price", price="97.500")
        await desk.status_of(waiting["stop-loss"], "filled")
        assert await desk.position() == "0"


async def test_children_die_with_a_parent_that_never_filled():
    async with desks(1) as (desk,):
        await desk.executed(
            await desk.signer.create_grouped_orders(
                SignerClient.GROUPING_TYPE_ONE_TRIGGERS_A_ONE_CANCELS_THE_OTHER,
                [part(LIMIT, GTT, 1_000, 99_000, 0), profit(0), stop(0)],
            )
        )
        waiting = await by_type(desk)
        assert set(waiting) == {"limit", "take-profit", "stop-loss"}
        parent = waiting["limit"]
        assert {parent.to_trigger_order_id_0, parent.to_trigger_order_id_1} == {
            waiting["take-profit"].order_id,
            waiting["stop-loss"].order_id,
        }
        await desk.executed(await desk.signer.cancel_order(SOL, parent.order_index))
        await desk.status_of(waiting["take-profit"], "canceled-child")
        await desk.status_of(waiting["stop-loss"], "canceled-child")
        assert await desk.active() == []
