"""Accounts, keys and what they show."""

import lighter
import pytest

from desk import IOC, SOL, Desk, SignerClient, desks
from lighter.exceptions import ApiException, BadRequestException


async def test_an_account_by_index_and_by_address():
    async with desks(2, "--usdc", "2500") as (desk, other):
        detail = await desk.detail()
        assert (detail.index, detail.account_type) == (desk.index, 0)
        assert (detail.collateral, detail.available_balance) == ("2500.000000", "2500.000000")
        assert (detail.total_asset_value, detail.cross_asset_value) == ("2500.000000", "2500.000000")
        by_address = await desk.accounts.account(by="l1_address", value=desk.account.l1_address)
        assert [row.index for row in by_address.accounts] == [desk.index]
        owned = await desk.accounts.accounts_by_l1_address(l1_address=desk.account.l1_address.lower())
        assert owned.sub_accounts[0].index == desk.index
        assert other.account.l1_address != desk.account.l1_address


async def test_the_margin_of_a_position_is_reported():
    async with desks(1) as (desk,):
        await desk.order(False, 10_000, 101_000, tif=IOC)
        detail = await desk.detail()
        (row,) = [row for row in detail.positions if row.market_id == SOL]
        assert (row.symbol, row.sign, row.position, row.initial_margin_fraction) == ("SOL", 1, "10.000", "6.66")
        value = float(row.position_value)
        assert value == pytest.approx(1_000, rel=0.01)
        assert float(detail.cross_initial_margin_requirement) == pytest.approx(value * 0.0666, abs=0.00001)
        assert float(detail.cross_maintenance_margin_requirement) == pytest.approx(value * 0.024, abs=0.00001)
        assert float(detail.available_balance) == pytest.approx(
            min(float(detail.total_asset_value) - value * 0.0666, float(detail.collateral)), abs=0.00001
        )
        # 10,000 USDC stand behind 1,000: a long position of this size cannot be liquidated above zero.
        assert row.liquidation_price == "0"
        assert detail.total_order_count == 0


async def test_limits_follow_the_tier():
    async with desks(1, "--tier", "premium") as (desk,):
        limits = await desk.accounts.account_limits(account_index=desk.index, authorization=desk.token())
        assert (limits.user_tier, limits.current_maker_fee_tick, limits.current_taker_fee_tick) == ("premium", 40, 280)
        before = float((await desk.detail()).collateral)
        await desk.order(False, 10_000, 101_000, tif=IOC)
        trades = (
            await desk.orders.trades(
                sort_by="timestamp", limit=100, account_index=desk.index, authorization=desk.token()
            )
        ).trades
        fee = sum(float(trade.usd_amount) * trade.taker_fee / 1_000_000 for trade in trades)
        assert fee > 0
        assert float((await desk.detail()).collateral) == pytest.approx(before - fee, abs=0.000002)


async def test_keys_and_nonces():
    async with desks(1) as (desk,):
        slot = desk.account.api_key_index
        keys = (await desk.accounts.apikeys(account_index=desk.index)).api_keys
        assert [row.api_key_index for row in keys] == [4, 5]
        assert keys[0].public_key == desk.account.api_public_key.removeprefix("0x")
        before = await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)
        await desk.order(False, 500, 99_000)
        after = await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)
        assert after.nonce == before.nonce + 1
        nobody = await desk.transactions.next_nonce(account_index=999_999, api_key_index=4)
        assert nobody.nonce == 0
        with pytest.raises(BadRequestException) as refused:
            await desk.accounts.apikeys(account_index=desk.index, api_key_index=77)
        assert "21109" in str(refused.value)


async def test_a_key_is_changed_by_its_owner_and_the_old_one_is_refused():
    async with desks(1) as (desk,):
        private, public, error = lighter.create_api_key()
        assert error is None
        slot = desk.account.api_key_index
        new = SignerClient(
            url=desk.exchange.http, account_index=desk.index, api_private_keys={slot: private}
        )
        try:
            await desk.executed(
                await new.change_api_key(eth_private_key=desk.account.eth_private_key, new_pubkey=public)
            )
            assert new.check_client() is None
            await desk.executed(await new.create_order(SOL, 2, 500, 99_000, False, 0, 1))
            # The native library keeps one key a slot for the whole process: the last client made decides.
            old = Desk(desk.exchange, desk.account)
            try:
                assert old.signer.check_client() is not None
                _, _, error = await old.signer.create_order(SOL, 1, 500, 99_000, False, 0, 1)
                assert "21120" in error, error
                with pytest.raises(ApiException):
                    await old.active()
            finally:
                await old.close()
        finally:
            await new.close()


async def test_a_private_read_needs_a_token_of_that_account():
    async with desks(2) as (desk, other):
        with pytest.raises(BadRequestException) as refused:
            await desk.orders.account_active_orders(
                account_index=desk.index, market_id=SOL, authorization=None
            )
        assert "20001" in str(refused.value)
        for token in (other.token(), desk.token()[:-2] + "00", "nonsense"):
            with pytest.raises(ApiException) as refused:
                await desk.orders.account_active_orders(
                    account_index=desk.index, market_id=SOL, authorization=token
                )
            assert "20013" in str(refused.value), token
