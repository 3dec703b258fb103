"""Rate limits, and reads that only the owner may do."""

import pytest

from desk import SOL, desks
from lighter.exceptions import ApiException, BadRequestException


async def test_a_standard_address_has_sixty_requests_a_minute():
    async with desks(1, "--limits", "--tier", "standard") as (desk,):
        with pytest.raises(ApiException) as refused:
            for _ in range(61):
                await desk.root.status()
        assert refused.value.status == 429
        assert '"code":23000' in refused.value.body and "Too Many Requests!" in refused.value.body


async def test_premium_weighs_requests():
    async with desks(1, "--limits", "--tier", "premium") as (desk,):
        # 600 of 24,000 each.
        for _ in range(39):
            await desk.orders.recent_trades(market_id=2, limit=1)
        with pytest.raises(ApiException) as refused:
            for _ in range(3):
                await desk.orders.recent_trades(market_id=2, limit=1)
        assert refused.value.status == 429


async def test_what_a_fast_withdrawal_may_take():
    import lighter

    async with desks(1) as (desk,):
        bridge = lighter.BridgeApi(desk.api)
        info = await bridge.fastwithdraw_info(account_index=desk.index, authorization=desk.token())
        assert info.code == 200 and info.to_account_index >= 0
        assert float(info.withdraw_limit) > 0
        with pytest.raises(ApiException) as refused:
            await bridge.fastwithdraw_info(account_index=desk.index, authorization="nonsense")
        assert refused.value.status == 400


async def test_a_transaction_that_expired_on_its_way_is_refused():
    # The SDK stamps ten minutes by the machine's clock; venue time jumps past them before it arrives.
    async with desks(1) as (desk,):
        slot = desk.account.api_key_index
        before = (await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)).nonce
        kind, info, _, error = desk.signer.sign_create_order(
            SOL, 77, 500, 99_000, 0, 0, 1, False, 0, -1, nonce=before, api_key_index=slot
        )
        assert error is None
        desk.advance(700)
        with pytest.raises(BadRequestException) as refused:
            await desk.signer.send_tx(tx_type=kind, tx_info=info)
        assert "21711" in str(refused.value)
        after = (await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)).nonce
        assert (after, await desk.active()) == (before, [])
