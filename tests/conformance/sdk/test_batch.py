"""Several transactions in one request."""

import json

from desk import GTT, LIMIT, SOL, SignerClient, desks


def signed(desk, nonce, client, price):
    tx_type, info, tx_hash, error = desk.signer.sign_create_order(
        SOL,
        client,
        500,
        price,
        0,
        LIMIT,
        GTT,
        False,
        0,
        SignerClient.DEFAULT_28_DAY_ORDER_EXPIRY,
        nonce=nonce,
        api_key_index=desk.account.api_key_index,
    )
    assert error is None, error
    return tx_type, info, tx_hash


async def test_a_batch_runs_in_order():
    async with desks(1) as (desk,):
        slot = desk.account.api_key_index
        nonce = (await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)).nonce
        first, second = desk.next_client(), desk.next_client()
        orders = [signed(desk, nonce, first, 99_000), signed(desk, nonce + 1, second, 98_900)]
        cancel_type, cancel, cancel_hash, error = desk.signer.sign_cancel_order(
            SOL, first, nonce=nonce + 2, api_key_index=slot
        )
        assert error is None
        rows = [*orders, (cancel_type, cancel, cancel_hash)]
        answer = await desk.signer.send_tx_batch([row[0] for row in rows], [row[1] for row in rows])
        assert answer.code == 200 and answer.tx_hash == [row[2] for row in rows]
        await desk.status(first, "canceled")
        assert (await desk.find(second)).status == "open"


async def test_a_later_entry_may_fail_while_earlier_ones_stand():
    async with desks(1) as (desk,):
        slot = desk.account.api_key_index
        nonce = (await desk.transactions.next_nonce(account_index=desk.index, api_key_index=slot)).nonce
        client = desk.next_client()
        kind, order, _ = signed(desk, nonce, client, 99_000)
        cancel_type, cancel, cancel_hash, _ = desk.signer.sign_cancel_order(
            SOL, 987_654, nonce=nonce + 1, api_key_index=slot
        )
        answer = await desk.signer.send_tx_batch([kind, cancel_type], [order, cancel])
        assert answer.code == 200
        from desk import eventually

        tx = await eventually(lambda: desk.done(cancel_hash))
        assert json.loads(tx.event_info)["ae"]
        assert (await desk.find(client)).status == "open"
