"""What anybody may read."""

import time

from desk import BTC, ETH, IOC, SOL, desks, eventually


async def test_markets_and_their_rules():
    async with desks(1) as (desk,):
        books = await desk.orders.order_books()
        assert {row.market_id for row in books.order_books} >= {SOL, BTC, ETH}
        answer = await desk.orders.order_book_details(market_id=SOL)
        (sol,) = answer.order_book_details
        assert (sol.symbol, sol.status, sol.size_decimals, sol.price_decimals) == ("SOL", "active", 3, 3)
        assert (sol.min_base_amount, sol.min_quote_amount) == ("0.055", "10.000000")
        assert (sol.default_initial_margin_fraction, sol.min_initial_margin_fraction) == (666, 400)
        assert (sol.maintenance_margin_fraction, sol.closeout_margin_fraction) == (240, 160)
        assert sol.liquidation_fee == "1.0000"


async def test_the_book_lists_orders_best_first_and_padded():
    async with desks(1) as (desk,):
        book = await desk.orders.order_book_orders(market_id=SOL, limit=5)
        assert 0 < len(book.asks) <= 5 and 0 < len(book.bids) <= 5
        asks = [row.price for row in book.asks]
        bids = [row.price for row in book.bids]
        assert asks == sorted(asks, key=float) and bids == sorted(bids, key=float, reverse=True)
        assert float(bids[0]) < float(asks[0])
        for row in book.asks + book.bids:
            assert len(row.price.split(".")[1]) == 3 and len(row.remaining_base_amount.split(".")[1]) == 3


async def test_candles_and_trades_follow_what_was_traded():
    async with desks(1) as (desk,):
        await desk.order(False, 500, 101_000, tif=IOC)
        await desk.order(True, 500, 99_000, tif=IOC)
        trades = (await desk.orders.recent_trades(market_id=SOL, limit=20)).trades
        assert sum(float(trade.size) for trade in trades) >= 1.0
        now = int(time.time() * 1_000)
        answer = await desk.candles.candles(
            market_id=SOL,
            resolution="1m",
            start_timestamp=now - 600_000,
            end_timestamp=now + 600_000,
            count_back=0,
        )
        assert answer.r == "1m" and answer.c
        last = answer.c[-1]
        assert last.l <= last.o <= last.h and last.l <= last.c <= last.h and last.v > 0


async def test_the_exchange_tells_of_itself():
    async with desks(1) as (desk,):
        status = await desk.root.status()
        assert (status.status, status.network_id) == (200, 304)
        assert abs(status.timestamp - time.time()) < 60
        assert (await desk.root.info()).contract_address.startswith("0x")
        stats = await desk.orders.exchange_stats()
        assert stats.total == len(stats.order_book_stats) >= 3
        rates = (await desk.funding.funding_rates()).funding_rates
        assert {row.market_id for row in rates if row.exchange == "lighter"} >= {SOL, BTC, ETH}
        (usdc,) = [row for row in (await desk.orders.asset_details()).asset_details if row.symbol == "USDC"]
        assert (usdc.asset_id, usdc.min_withdrawal_amount) == (3, "1.000000")
        delay = await desk.info.withdrawal_delay()
        assert delay.seconds == 4


async def test_funding_is_settled_on_the_hour():
    async with desks(1) as (desk,):
        desk.advance(3_600)

        async def settled():
            now = (await desk.root.status()).timestamp
            answer = await desk.candles.fundings(
                market_id=SOL, resolution="1h", start_timestamp=now - 36_000, end_timestamp=now, count_back=10
            )
            return answer.fundings

        row = (await eventually(settled))[-1]
        assert row.timestamp % 3_600 == 0
        assert row.direction in ("long", "short")
