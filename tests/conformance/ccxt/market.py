"""ccxt, pointed at a paper exchange the way its users point it at a test network."""

import importlib.util
import pathlib
import platform

from paper import WORLDS

SOL = "SOL/USDC:USDC"
ETH = "ETH/USDC:USDC"
BTC = "BTC/USDC:USDC"

# The price stands still at 100 and nobody else takes: what moves, the test moved.
STILL = ["--accounts", "2", "--tier", "premium", "--no-rate-limit", "--world", str(WORLDS / "never_fills.yaml")]


def signer() -> str:
    """Returns the path of the venue's native signer, which ccxt takes as an option."""
    name = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    package = pathlib.Path(importlib.util.find_spec("lighter").origin).parent
    return str(package / "signers" / f"lighter-signer-linux-{name}.so")


def client(kind, exchange, account=0):
    """Returns a ccxt client of class `kind` for an account; like its users' it knows the Ethereum key only."""
    owner = exchange.accounts[account]
    made = kind(
        {
            "privateKey": owner.eth_private_key,
            "walletAddress": owner.l1_address,
            "enableRateLimit": False,
            "options": {
                "libraryPath": signer(),
                "chainId": exchange.chain_id,
                "accountIndex": owner.account_index,
                "apiKeyIndex": owner.api_key_index,
            },
        }
    )
    for name in made.urls["api"]:
        made.urls["api"][name] = exchange.ws if name == "ws" else exchange.http
    return made
