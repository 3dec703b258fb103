"""Changing orders and taking them back."""

import time

from desk import POST_ONLY, SOL, SignerClient, desks, eventually


async def test_modify_changes_price_and_size_and_keeps_the_order():
    async with desks(1) as (desk,):
        client = await desk.order(False, 1_000, 99_000, tif=POST_ONLY)
        before = await desk.find(client)
        await desk.executed(await desk.signer.modify_order(SOL, before.order_index, 700, 98_500))
        after = await desk.find(client)
        assert (after.order_index, after.client_order_index) == (before.order_index, client)
        assert (after.price, after.initial_base_amount, after.status) == ("98.500", "0.700", "open")
        assert after.nonce > before.nonce, "a modified order goes to the end of the queue"


async def test_a_modified_order_may_cross_and_take():
    async with desks(2) as (maker, taker):
        sell = await maker.order(True, 1_000, 100_005, tif=POST_ONLY)
        buy = await taker.order(False, 1_000, 99_000)
        order = await taker.find(buy)
        await taker.executed(await taker.signer.modify_order(SOL, order.order_index, 1_000, 100_005))
        assert (await taker.status(buy, "filled")).filled_base_amount == "1.000"
        assert (await maker.find(sell)).status == "filled"


async def test_cancel_by_order_index_and_by_client_index():
    async with desks(1) as (desk,):
        first = await desk.order(False, 1_000, 99_000)
        second = await desk.order(False, 1_000, 98_900)
        order = await desk.find(first)
        event = await desk.executed(await desk.signer.cancel_order(SOL, order.order_index))
        assert event["i"] == order.order_index
        assert (await desk.find(first)).status == "canceled"
        await desk.executed(await desk.signer.cancel_order(SOL, second))
        assert (await desk.find(second)).status == "canceled"
        assert await desk.active() == []


async def test_cancel_all_now():
    async with desks(1) as (desk,):
        for price in (99_000, 98_900, 98_800):
            await desk.order(False, 500, price)
        await desk.executed(await desk.signer.cancel_all_orders(SignerClient.CANCEL_ALL_TIF_IMMEDIATE, 0))
        assert await desk.active() == []


async def test_cancel_all_scheduled_and_aborted():
    async with desks(1, "--time-scale", "60") as (desk,):
        client = await desk.order(False, 500, 99_000)
        # Venue time runs ahead of this machine's clock; five minutes of it must still lie ahead when this arrives.
        now = (await desk.root.status()).timestamp * 1_000
        due = now + 20 * 60_000
        await desk.executed(
            await desk.signer.cancel_all_orders(SignerClient.CANCEL_ALL_TIF_SCHEDULED, due)
        )
        assert (await desk.detail()).cancel_all_time == due
        await desk.executed(await desk.signer.cancel_all_orders(SignerClient.CANCEL_ALL_TIF_ABORT, 0))
        assert (await desk.detail()).cancel_all_time == 0
        now = (await desk.root.status()).timestamp * 1_000
        await desk.executed(
            await desk.signer.cancel_all_orders(SignerClient.CANCEL_ALL_TIF_SCHEDULED, now + 7 * 60_000)
        )
        assert (await desk.find(client)).status == "open"
        begun = time.monotonic()
        await desk.status(client, "canceled")
        assert time.monotonic() - begun < 10

        async def cleared():
            return (await desk.detail()).cancel_all_time == 0

        await eventually(cleared)


async def test_orders_expire():
    async with desks(1, "--time-scale", "120") as (desk,):
        now = (await desk.root.status()).timestamp * 1_000
        client = await desk.order(False, 500, 99_000, expiry=now + 10 * 60_000)
        await desk.status(client, "canceled-expired")
