"""What the exchange remembers of an account."""

import json

import pytest

from desk import IOC, SOL, desks, eventually


async def test_transactions_by_hash_and_by_account():
    async with desks(1) as (desk,):
        client = desk.next_client()
        _, answer, error = await desk.signer.create_order(SOL, client, 500, 99_000, False, 0, 1)
        assert error is None
        tx = await eventually(lambda: desk.done(answer.tx_hash))
        assert (tx.type, tx.account_index, tx.api_key_index) == (14, desk.index, desk.account.api_key_index)
        assert json.loads(tx.info)["ClientOrderIndex"] == client
        listed = await desk.transactions.account_txs(
            by="account_index", value=str(desk.index), limit=5, authorization=desk.token()
        )
        assert listed.txs[0].hash == answer.tx_hash
        everybody = await desk.transactions.txs(limit=1)
        assert everybody.txs[0].sequence_index >= tx.sequence_index


async def test_profit_and_funding_are_kept():
    async with desks(2) as (long, short):
        await long.order(False, 10_000, 101_000, tif=IOC)
        await short.order(True, 10_000, 99_000, tif=IOC)
        long.advance(3_600)

        async def paid():
            answer = await long.accounts.position_funding(
                account_index=long.index, limit=10, authorization=long.token()
            )
            return answer.position_fundings

        row = (await eventually(paid))[0]
        assert (row.market_id, row.position_side, row.position_size) == (SOL, "long", "10.000")
        assert row.timestamp % 3_600 == 0
        rate = float(row.rate)
        assert float(row.change) == pytest.approx(-rate / 100 * 1_000, abs=0.01)
        assert (float(row.change) < 0) == (rate > 0)
        now = (await long.root.status()).timestamp
        answer = await long.accounts.pnl(
            by="index",
            value=str(long.index),
            resolution="1h",
            start_timestamp=now - 86_400,
            end_timestamp=now,
            count_back=10,
            authorization=long.token(),
        )
        assert answer.pnl and answer.resolution == "1h"


async def test_a_liquidation_is_in_the_records():
    async with desks(1, "--usdc", "77") as (desk,):
        await desk.order(False, 11_000, 101_000, tif=IOC)
        desk.act("SOL", do="liquidate", account=desk.index, over="1s")

        async def rows():
            answer = await desk.accounts.liquidations(
                account_index=desk.index, limit=10, authorization=desk.token()
            )
            return answer.liquidations

        row = (await eventually(rows))[-1]
        assert row.market_id == SOL and row.type in ("partial", "deleverage")
        assert float(row.trade.size) > 0
        trades = (
            await desk.orders.trades(
                sort_by="timestamp", limit=50, account_index=desk.index, authorization=desk.token()
            )
        ).trades
        forced = [trade for trade in trades if trade.type == "liquidation"]
        assert forced and all(0 <= (trade.taker_fee or 0) <= 10_000 for trade in forced)
