"""What the venue refuses, with its own status, code and text."""

import time

import pytest

from desk import GTT, IOC, LIMIT, MARKET, SOL, Desk, SignerClient, desks, eventually
from paper import WORLDS, paper


@pytest.fixture(scope="module")
def exchange():
    """One exchange for all: what is refused changes nothing."""
    with paper("--accounts", "2", "--world", str(WORLDS / "still.yaml"), "--no-rate-limit") as running:
        yield running


@pytest.fixture
async def desk(exchange):
    made = Desk(exchange, exchange.accounts[0])
    yield made
    await made.close()


async def nonce_of(desk) -> int:
    answer = await desk.transactions.next_nonce(
        account_index=desk.index, api_key_index=desk.account.api_key_index
    )
    return answer.nonce


async def sent(desk, size=500, price=99_000, *, market=SOL, client=0, is_ask=False, kind=LIMIT, tif=GTT, **more):
    """Sends an order with a nonce of its own, so that what is refused leaves no gap."""
    more.setdefault("nonce", await nonce_of(desk))
    if tif == IOC:
        more.setdefault("order_expiry", SignerClient.DEFAULT_IOC_EXPIRY)
    return await desk.signer.create_order(
        market, client, size, price, is_ask, kind, tif, api_key_index=desk.account.api_key_index, **more
    )


async def says(desk, sending, code, message):
    """Holds a refusal against the venue's code and text."""
    *_, error = await desk.refused(sending)
    assert f"code={code} message='{message}'" in error or f'"message":"{message}"' in error, error
    assert str(code) in error, error


async def test_a_signature_of_another_key(desk, exchange):
    wrong = SignerClient(
        url=exchange.http,
        account_index=desk.index,
        api_private_keys={desk.account.api_key_index: exchange.accounts[1].api_private_key},
    )
    _, _, error = await wrong.create_order(SOL, 1, 500, 99_000, False, LIMIT, GTT)
    await wrong.close()
    assert "code=21120 message='invalid signature'" in error, error


async def test_nonces_too_low_too_high_reused_and_skipped(desk):
    expected = await nonce_of(desk)
    await desk.executed(await sent(desk, nonce=expected))
    for nonce in (expected, expected + 4):
        await says(desk, sent(desk, nonce=nonce), 21104, "invalid nonce")
    await desk.executed(await sent(desk, nonce=expected + 4, skip_nonce=SignerClient.SKIP_NONCE_ON))
    assert await nonce_of(desk) == expected + 5
    await says(
        desk, sent(desk, nonce=expected + 4, skip_nonce=SignerClient.SKIP_NONCE_ON), 21104, "invalid nonce"
    )


async def test_a_client_index_that_is_in_use(desk):
    client = desk.next_client()
    await desk.executed(await sent(desk, client=client))
    await says(desk, sent(desk, client=client), 21728, "client order index already exists")


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        ({"market": 200}, 21602, "invalid market index"),
        # 0.010 SOL are below the smallest base amount; 0.060 SOL are worth 5.94 USDC.
        ({"size": 10}, 21706, "invalid order base or quote amount"),
        ({"size": 60}, 21706, "invalid order base or quote amount"),
        ({"price": 120_000}, 21734, "limit order price is too far from the mark price"),
        ({"price": 80_000, "is_ask": True}, 21734, "limit order price is too far from the mark price"),
        (
            {"price": 120_000, "kind": MARKET, "tif": IOC},
            21733,
            "order price flagged as an accidental price",
        ),
        ({"size": 3_000_000}, 21739, "not enough margin to create the order"),
        ({"reduce_only": True}, 21738, "invalid reduce only direction"),
    ],
)
async def test_an_order_that_breaks_a_rule(desk, order, code, message):
    before = len(await desk.active())
    await says(desk, sent(desk, **order), code, message)
    assert len(await desk.active()) == before


async def test_an_order_that_would_expire_at_once(desk):
    soon = int(time.time() * 1_000) + 30_000
    await says(desk, sent(desk, order_expiry=soon), 21711, "invalid expiry")


async def test_an_immediate_order_without_margin_is_cancelled():
    async with desks(1, "--usdc", "20") as (desk,):
        client = await desk.order(False, 5_000, 101_000, tif=IOC)
        order = await desk.find(client)
        assert order.status == "canceled-margin-not-allowed"
        assert float(order.filled_base_amount) < 5


async def test_orders_that_are_not_there(desk):
    slot = desk.account.api_key_index
    cancel = desk.signer.cancel_order(SOL, 281_474_976_000_001, nonce=await nonce_of(desk), api_key_index=slot)
    await says(desk, cancel, 21700, "invalid order index")
    modify = desk.signer.modify_order(
        SOL, 281_474_976_000_001, 500, 99_000, nonce=await nonce_of(desk), api_key_index=slot
    )
    await says(desk, modify, 21700, "invalid order index")


async def test_a_batch_of_different_keys_or_with_a_gap(desk):
    slot, nonce = desk.account.api_key_index, await nonce_of(desk)
    rows = [
        desk.signer.sign_cancel_order(SOL, 1, nonce=number, api_key_index=slot)
        for number in (nonce, nonce + 2)
    ]
    with pytest.raises(Exception) as refused:
        await desk.signer.send_tx_batch([row[0] for row in rows], [row[1] for row in rows])
    assert refused.value.status == 400
    assert (refused.value.data.code, refused.value.data.message) == (
        21105,
        "batch transaction nonce is not increasing",
    )


async def test_too_many_open_and_waiting_orders():
    # The standard tier: 30 resting and 10 waiting orders in one market.
    async with desks(1, "--tier", "standard") as (desk,):
        first = await nonce_of(desk)
        for number in range(30):
            _, _, error = await sent(desk, 200, 99_000 - 10 * number, nonce=first + number)
            assert error is None, error

        async def all_there():
            return len(await desk.active()) == 30

        await eventually(all_there)
        await says(desk, sent(desk), 21718, "maximum active limit order count per market reached")
        for number in range(10):
            _, _, error = await desk.signer.create_sl_order(
                SOL, desk.next_client(), 200, 98_000 - 10 * number, 96_000, True, reduce_only=False
            )
            assert error is None, error

        async def all_waiting():
            return (await desk.detail()).pending_order_count == 10

        await eventually(all_waiting)
        more = desk.signer.create_sl_order(SOL, desk.next_client(), 200, 97_000, 95_000, True, reduce_only=False)
        await says(desk, more, 21720, "maximum pending order count per market reached")
