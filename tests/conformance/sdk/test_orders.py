"""Orders of every plain kind, and what becomes of them."""

from desk import GTT, IOC, MARKET, POST_ONLY, SOL, desks, eventually


async def test_a_resting_order_is_shown_as_the_venue_shows_it():
    async with desks(1) as (desk,):
        client = await desk.order(False, 1_500, 99_000, tif=POST_ONLY)
        (order,) = await desk.active()
        assert order.client_order_index == client
        assert (order.status, order.type, order.time_in_force) == ("open", "limit", "post-only")
        assert (order.price, order.initial_base_amount, order.remaining_base_amount) == ("99.000", "1.500", "1.500")
        assert (order.is_ask, order.reduce_only, order.filled_base_amount) == (False, False, "0.000")
        detail = await desk.detail()
        assert detail.total_order_count == 1
        book = await desk.orders.order_book_orders(market_id=SOL, limit=250)
        assert any(row.owner_account_index == desk.index and row.price == "99.000" for row in book.bids)


async def test_two_accounts_trade_and_both_see_it():
    async with desks(2) as (maker, taker):
        # Inside the makers' quotes, so that these two meet each other.
        sell = await maker.order(True, 1_000, 100_005, tif=POST_ONLY)
        buy = await taker.order(False, 400, 100_005, tif=GTT)
        filled = await taker.status(buy, "filled")
        assert filled.filled_base_amount == "0.400"
        rest = await maker.find(sell)
        assert (rest.status, rest.remaining_base_amount) == ("open", "0.600")
        assert (await maker.position(), await taker.position()) == ("-0.400", "0.400")
        answer = await taker.orders.trades(
            sort_by="timestamp", limit=10, account_index=taker.index, authorization=taker.token()
        )
        (trade,) = answer.trades
        assert (trade.price, trade.size, trade.usd_amount) == ("100.005", "0.400", "40.002000")
        assert (trade.ask_account_id, trade.bid_account_id) == (maker.index, taker.index)
        assert trade.is_maker_ask and trade.ask_client_id == sell and trade.bid_client_id == buy
        public = await taker.orders.recent_trades(market_id=SOL, limit=5)
        assert public.trades[0].trade_id == trade.trade_id


async def test_an_immediate_order_takes_what_is_there_and_leaves_nothing():
    async with desks(1) as (desk,):
        bought = await desk.order(False, 500, 101_000, tif=IOC)
        assert (await desk.status(bought, "filled")).filled_base_amount == "0.500"
        missed = await desk.order(False, 500, 99_000, tif=IOC)
        assert (await desk.find(missed)).status == "canceled-not-enough-liquidity"
        assert await desk.active() == []


async def test_a_post_only_order_that_crosses_is_cancelled():
    async with desks(1) as (desk,):
        client = await desk.order(False, 500, 101_000, tif=POST_ONLY)
        assert (await desk.find(client)).status == "canceled-post-only"
        assert await desk.position() == "0"


async def test_a_market_order_is_bounded_by_its_price():
    async with desks(1) as (desk,):
        client = desk.next_client()
        await desk.executed(await desk.signer.create_market_order(SOL, client, 500, 101_000, False))
        order = await desk.status(client, "filled")
        assert (order.type, order.filled_base_amount) == ("market", "0.500")
        # A bound that even the best price breaks.
        client = desk.next_client()
        await desk.executed(await desk.signer.create_market_order(SOL, client, 500, 99_900, False))
        assert (await desk.find(client)).status in ("canceled-too-much-slippage", "canceled-not-enough-liquidity")


async def test_market_orders_with_a_slippage_bound_read_the_book():
    async with desks(1) as (desk,):
        client = desk.next_client()
        await desk.executed(
            await desk.signer.create_market_order_limited_slippage(SOL, client, 500, 0.01, False)
        )
        assert (await desk.status(client, "filled")).filled_base_amount == "0.500"
        client = desk.next_client()
        await desk.executed(await desk.signer.create_market_order_if_slippage(SOL, client, 300, 0.01, True))
        assert (await desk.status(client, "filled")).filled_base_amount == "0.300"
        assert await desk.position() == "0.200"
        # More than the book holds within the bound: the SDK itself declines.
        _, _, error = await desk.signer.create_market_order_if_slippage(
            SOL, desk.next_client(), 5_000_000, 0.001, False
        )
        assert error


async def test_a_market_order_for_an_amount_of_quote():
    async with desks(1) as (desk,):
        client = desk.next_client()
        await desk.executed(
            await desk.signer.create_market_order_quote_amount(
                SOL, client_order_index=client, quote_amount=50, max_slippage=0.01, is_ask=False
            )
        )
        order = await desk.status(client, "filled")
        assert 0.48 <= float(order.filled_base_amount) <= 0.51


async def test_a_reduce_only_order_is_cut_to_the_position():
    async with desks(1) as (desk,):
        await desk.order(False, 500, 101_000, tif=IOC)
        client = await desk.order(True, 900, 99_000, tif=IOC, reduce_only=True)
        order = await desk.find(client)
        assert order.reduce_only and order.filled_base_amount == "0.500"
        assert await desk.position() == "0"


async def test_inactive_orders_are_listed_newest_first():
    async with desks(1) as (desk,):
        clients = [await desk.order(False, 500, 99_000, tif=IOC) for _ in range(3)]

        async def listed():
            answer = await desk.orders.account_inactive_orders(
                account_index=desk.index, limit=2, market_id=SOL, authorization=desk.token()
            )
            return answer if len(answer.orders) == 2 else None

        page = await eventually(listed)
        assert [order.client_order_index for order in page.orders] == clients[:0:-1]
        rest = await desk.orders.account_inactive_orders(
            account_index=desk.index,
            limit=2,
            market_id=SOL,
            cursor=page.next_cursor,
            authorization=desk.token(),
        )
        assert [order.client_order_index for order in rest.orders] == clients[:1]


async def test_a_market_kind_order_needs_an_immediate_time_in_force():
    async with desks(1) as (desk,):
        _, _, error = await desk.signer.create_order(
            SOL, desk.next_client(), 500, 101_000, False, MARKET, GTT
        )
        assert error
