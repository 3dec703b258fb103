"""NautilusTrader 1.231: its own Rust implementation of the venue's protocol, hashes and signatures included."""

import json
import pathlib
import subprocess
import sys

import pytest

from paper import WORLDS, paper

STILL = ["--accounts", "1", "--no-rate-limit", "--world", str(WORLDS / "never_fills.yaml")]


def tour(exchange, seen):
    """Runs the tour on the first account; returns what it saw, and the log."""
    owner = exchange.accounts[0]
    script = pathlib.Path(__file__).with_name("trade.py")
    arguments = [seen, exchange.http, exchange.ws, owner.account_index, owner.api_key_index, owner.api_private_key]
    command = [sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    log = done.stdout[-8_000:] + done.stderr[-2_000:]
    assert seen.exists(), log
    return [json.loads(line) for line in seen.read_text().splitlines()], log


# The node approves its own integrator as it starts. On the standard tier that runs 300 ms later, and the first quote,
# which the tour answers at once, comes before: a clock ten times as fast settles that.
@pytest.mark.parametrize("tier", [["standard", "--time-scale", "10"], ["premium"]], ids=lambda tier: tier[0])
def test_a_node_trades_from_start_to_flat(tier, tmp_path):
    with paper(*STILL, "--tier", *tier) as exchange:
        saw, log = tour(exchange, tmp_path / "seen")
        kinds = [row["saw"] for row in saw]
        of = lambda kind: [row for row in saw if row["saw"] == kind]  # noqa: E731
        assert "closed" in kinds, log
        assert "SOL-PERP.LIGHTER" in of("markets")[0]["names"]
        assert of("balance")[0]["usdc"].startswith("10000.0"), saw
        assert of("quote") == [{"saw": "quote", "bid": "99.990", "ask": "100.020"}]
        assert {"book", "mark", "trade"} <= set(kinds), kinds
        assert [float(row["price"]) for row in of("changed")] == [94]
        assert kinds.index("accepted") < kinds.index("changed") < kinds.index("cancelled") < kinds.index("filled")
        assert [(row["size"], float(row["price"])) for row in of("filled")] == [("1.000", 100.02), ("1.000", 99.99)]
        assert all("rejected" not in kind and kind != "denied" for kind in kinds)
        state = exchange.control("state")["accounts"][0]
        assert len(state["trades"]) == 2
