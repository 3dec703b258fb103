"""Withdrawals, transfers and sub-accounts."""

import pytest

from desk import SignerClient, desks, eventually

USDC, PERP = SignerClient.ASSET_ID_USDC, SignerClient.ROUTE_PERP


async def withdrawals(desk):
    answer = await desk.transactions.withdraw_history(account_index=desk.index, authorization=desk.token())
    return answer.withdraws


async def test_a_secure_withdrawal_is_pending_then_claimable_then_completed():
    async with desks(1, "--usdc", "1000") as (desk,):
        await desk.executed(await desk.signer.withdraw(USDC, PERP, 250.5))
        assert (await desk.detail()).collateral == "749.500000"
        (row,) = await withdrawals(desk)
        assert (row.amount, row.status, row.type, row.asset_id) == ("250.500000", "pending", "secure", 3)
        seen = ["pending"]

        async def completed():
            (row,) = await withdrawals(desk)
            if row.status != seen[-1]:
                seen.append(row.status)
            return row.status == "completed"

        await eventually(completed, 20)
        assert seen == ["pending", "claimable", "completed"]


async def test_more_than_there_is_cannot_be_withdrawn():
    async with desks(1, "--usdc", "100") as (desk,):
        *_, error = await desk.refused(desk.signer.withdraw(USDC, PERP, 100.5))
        assert "2130" in error or "21117" in error, error
        *_, error = await desk.refused(desk.signer.withdraw(USDC, PERP, 0.5))
        assert "21116" in error, error
        assert await withdrawals(desk) == []


async def test_a_sub_account_gets_money_from_its_master():
    async with desks(1, "--usdc", "1000") as (desk,):
        await desk.executed(await desk.signer.create_sub_account())

        async def there():
            owned = await desk.accounts.accounts_by_l1_address(l1_address=desk.account.l1_address)
            return owned.sub_accounts if len(owned.sub_accounts) == 2 else None

        master, sub = await eventually(there)
        assert (master.index, sub.account_type) == (desk.index, 1)
        assert sub.index > 1 << 47
        await desk.executed(
            await desk.signer.transfer_same_master_account(sub.index, USDC, PERP, PERP, 300, 0, "00" * 32)
        )
        answer = await desk.accounts.account(by="index", value=str(sub.index))
        assert answer.accounts[0].collateral == "300.000000"
        assert (await desk.detail()).collateral == "700.000000"
        history = await desk.transactions.transfer_history(
            account_index=desk.index, authorization=desk.token()
        )
        row = history.transfers[0]
        assert (row.amount, row.type, row.to_account_index) == ("300.000000", "L2TransferOutflow", sub.index)


async def test_a_transfer_to_somebody_else_carries_the_owners_signature():
    async with desks(2, "--usdc", "1000") as (desk, other):
        fee = (
            await desk.info.transfer_fee_info(
                account_index=desk.index, to_account_index=other.index, authorization=desk.token()
            )
        ).transfer_fee_usdc
        await desk.executed(
            await desk.signer.transfer(
                desk.account.eth_private_key, other.index, USDC, PERP, PERP, 100, fee, "00" * 32
            )
        )
        assert (await other.detail()).collateral == "1100.000000"
        assert float((await desk.detail()).collateral) == pytest.approx(900 - fee / 1e6, abs=0.0000001)
        *_, error = await desk.refused(
            desk.signer.transfer(
                other.account.eth_private_key, other.index, USDC, PERP, PERP, 100, fee, "00" * 32
            )
        )
        assert "21504" in error, error
