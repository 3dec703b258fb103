"""The SDK's own WebSocket client."""

import asyncio

import lighter

from desk import IOC, POST_ONLY, SOL, desks, eventually


async def test_it_follows_the_book_and_an_account():
    async with desks(2) as (maker, taker):
        books, accounts = [], []
        client = lighter.WsClient(
            ws_url=maker.exchange.ws,
            order_book_ids=[SOL],
            account_ids=[taker.index],
            on_order_book_update=lambda market, state: books.append((market, state)),
            on_account_update=lambda account, state: accounts.append((account, state)),
        )
        task = asyncio.create_task(client.run_async())
        try:

            async def snapshots():
                return books and accounts

            await eventually(snapshots)
            assert books[0][0] == str(SOL) and books[0][1]["asks"] and books[0][1]["bids"]
            await maker.order(True, 1_000, 100_005, tif=POST_ONLY)

            async def quoted():
                return any(level["price"] == "100.005" for level in client.order_book_states[str(SOL)]["asks"])

            await eventually(quoted)
            await taker.order(False, 1_000, 100_005, tif=IOC)

            async def bought():
                positions = client.account_states[str(taker.index)]["positions"]
                return positions.get(str(SOL), {}).get("position") == "1.000"

            await eventually(bought)

            async def gone():
                asks = client.order_book_states[str(SOL)]["asks"]
                return all(level["price"] != "100.005" for level in asks)

            await eventually(gone)
            # What the client has put together from updates is what the server shows.
            shown = await maker.orders.order_book_orders(market_id=SOL, limit=250)
            built = {level["price"] for level in client.order_book_states[str(SOL)]["bids"]}
            assert {row.price for row in shown.bids} == built
        finally:
            task.cancel()
