"""Rate limits, and reads that only the owner may do."""

import pytest

from desk import desks
from lighter.exceptions import ApiException


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
