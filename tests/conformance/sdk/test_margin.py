"""Leverage, cross and isolated margin."""

import pytest

from desk import IOC, SOL, SignerClient, desks

CROSS, ISOLATED = SignerClient.CROSS_MARGIN_MODE, SignerClient.ISOLATED_MARGIN_MODE


async def row(desk):
    (found,) = [row for row in (await desk.detail()).positions if row.market_id == SOL]
    return found


async def test_leverage_sets_the_initial_margin_fraction():
    async with desks(1) as (desk,):
        await desk.executed(await desk.signer.update_leverage(SOL, CROSS, 5))
        await desk.order(False, 10_000, 101_000, tif=IOC)
        position = await row(desk)
        assert (position.initial_margin_fraction, position.margin_mode, position.margin_set_flag) == ("20.00", 0, 1)
        detail = await desk.detail()
        assert float(detail.cross_initial_margin_requirement) == pytest.approx(
            float(position.position_value) * 0.2, abs=0.00001
        )


async def test_isolated_margin_is_a_pot_of_its_own():
    async with desks(1, "--usdc", "1000") as (desk,):
        await desk.executed(await desk.signer.update_leverage(SOL, ISOLATED, 10))
        await desk.order(False, 10_000, 101_000, tif=IOC)
        before = await row(desk)
        assert before.margin_mode == 1
        pot = float(before.allocated_margin)
        assert pot == pytest.approx(100, rel=0.02)
        assert float(before.liquidation_price) > 80
        await desk.executed(
            await desk.signer.update_margin(SOL, 50, SignerClient.ISOLATED_MARGIN_ADD_COLLATERAL)
        )
        added = await row(desk)
        assert float(added.allocated_margin) == pytest.approx(pot + 50, abs=0.00001)
        assert float(added.liquidation_price) < float(before.liquidation_price)
        await desk.executed(
            await desk.signer.update_margin(SOL, 30, SignerClient.ISOLATED_MARGIN_REMOVE_COLLATERAL)
        )
        assert float((await row(desk)).allocated_margin) == pytest.approx(pot + 20, abs=0.00001)
        detail = await desk.detail()
        total = float(detail.total_asset_value)
        assert float(detail.cross_asset_value) < total
        await desk.order(True, 10_000, 99_000, tif=IOC, reduce_only=True)
        assert await desk.position() == "0"
        after = await desk.detail()
        assert float(after.collateral) == pytest.approx(float(after.cross_asset_value), abs=0.00001)


async def test_the_mode_cannot_change_under_a_position():
    async with desks(1) as (desk,):
        await desk.order(False, 1_000, 101_000, tif=IOC)
        *_, error = await desk.refused(desk.signer.update_leverage(SOL, ISOLATED, 10))
        assert "21132" in error, error


async def test_leverage_beyond_the_market_is_refused():
    async with desks(1) as (desk,):
        *_, error = await desk.refused(desk.signer.update_leverage(SOL, CROSS, 50))
        assert "21113" in error, error
