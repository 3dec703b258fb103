"""The official SDK's own check of its key."""

import lighter
import pytest

from paper import paper


@pytest.mark.parametrize("tier", ["standard", "premium"])
async def test_check_client_finds_the_registered_key(tier):
    with paper("--accounts", "1", "--tier", tier) as exchange:
        account = exchange.accounts[0]
        client = lighter.SignerClient(
            url=exchange.http,
            account_index=account.account_index,
            api_private_keys={account.api_key_index: account.api_private_key},
        )
        try:
            assert client.check_client() is None
        finally:
            await client.close()
