"""A WebSocket connection as it is, and transactions signed by the official SDK."""

import asyncio
import contextlib
import json

import lighter
import websockets

from paper import WORLDS

SOL = 2
PREMIUM = ["--tier", "premium", "--no-rate-limit"]
QUIET = ["--world", str(WORLDS / "never_fills.yaml")]
STILL = ["--accounts", "2", *PREMIUM, *QUIET]


class Line:
    """One connection; frames are kept until somebody asks for them."""

    def __init__(self, socket):
        self._socket = socket
        self.frames = []

    async def say(self, message):
        await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    async def subscribe(self, channel, auth=None):
        token = {} if auth is None else {"auth": auth}
        await self.say({"type": "subscribe", "channel": channel, **token})

    async def unsubscribe(self, channel):
        await self.say({"type": "unsubscribe", "channel": channel})

    async def next(self, wanted, seconds=10):
        """Returns the first frame, kept or to come, that satisfies `wanted`, and forgets those before it."""
        async with asyncio.timeout(seconds):
            while True:
                while self.frames:
                    frame = self.frames.pop(0)
                    if wanted(frame):
                        return frame
                self.frames.append(json.loads(await self._socket.recv()))

    async def of(self, kind, seconds=10):
        """Returns the next frame of type `kind`."""
        return await self.next(lambda frame: frame.get("type") == kind, seconds)

    async def error(self):
        """Returns the next error as (code, message)."""
        frame = await self.next(lambda frame: "error" in frame)
        return frame["error"]["code"], frame["error"]["message"]

    async def ended(self, seconds):
        """Waits until the server closes the connection."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    self.frames.append(json.loads(await self._socket.recv()))


@contextlib.asynccontextmanager
async def connected(exchange, query=""):
    # The library's own pings off: keep-alive is what some of these tests are about.
    async with websockets.connect(exchange.ws + query, ping_interval=None, max_size=None) as socket:
        line = Line(socket)
        first = json.loads(await socket.recv())
        assert set(first) == {"session_id", "type"} and first["type"] == "connected"
        yield line


class Signer:
    """The official SDK's signer; it sends nothing. Nonces count up from the exchange's."""

    def __init__(self, exchange, account=0):
        self.owner = exchange.accounts[account]
        self._client = lighter.SignerClient(
            url=exchange.http,
            account_index=self.owner.account_index,
            api_private_keys={self.owner.api_key_index: self.owner.api_private_key},
        )
        self.nonce = 0

    async def close(self):
        await self._client.close()

    async def learn_nonce(self):
        api = lighter.TransactionApi(self._client.api_client)
        answer = await api.next_nonce(self.owner.account_index, self.owner.api_key_index)
        self.nonce = answer.nonce

    def token(self):
        token, error = self._client.create_auth_token_with_expiry(api_key_index=self.owner.api_key_index)
        assert error is None
        return token

    def order(self, number, price, *, size=1_000, is_ask=False, kind=0, life=1, nonce=None):
        """Signs a SOL order; price and size in units of the wire. Returns its type, text and hash."""
        if nonce is None:
            nonce, self.nonce = self.nonce, self.nonce + 1
        expiry = 0 if life == 0 else lighter.SignerClient.DEFAULT_28_DAY_ORDER_EXPIRY
        tx_type, info, tx_hash, error = self._client.sign_create_order(
            SOL, number, size, price, is_ask, kind, life,
            order_expiry=expiry, nonce=nonce, api_key_index=self.owner.api_key_index,
        )  # fmt: skip
        assert error is None, error
        return int(tx_type), info, tx_hash

    def taker(self, number, price, **more):
        """Signs an order that takes what it can up to `price`."""
        return self.order(number, price, life=0, **more)


@contextlib.asynccontextmanager
async def signing(exchange, account=0):
    signer = Signer(exchange, account)
    await signer.learn_nonce()
    try:
        yield signer
    finally:
        await signer.close()


def sendtx(signed, name="a"):
    """Returns the message that sends one transaction."""
    tx_type, info, _ = signed
    return {"type": "jsonapi/sendtx", "data": {"id": name, "tx_type": tx_type, "tx_info": json.loads(info)}}


def sendtxbatch(signed, name="b"):
    """Returns the message that sends several transactions; both lists are texts."""
    types, infos = [row[0] for row in signed], [row[1] for row in signed]
    data = {"id": name, "tx_types": json.dumps(types), "tx_infos": json.dumps(infos)}
    return {"type": "jsonapi/sendtxbatch", "data": data}
