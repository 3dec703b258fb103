"""A paper exchange in a process of its own, for a test to trade on."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass

REPO = pathlib.Path(__file__).resolve().parents[2]
WORLDS = REPO / "tests" / "fixtures" / "worlds"


@dataclass(frozen=True)
class Account:
    """One account of the exchange, as the ready line names it."""

    account_index: int
    l1_address: str
    eth_private_key: str
    api_key_index: int
    api_public_key: str
    api_private_key: str
    usdc: str


@dataclass(frozen=True)
class Paper:
    """A running exchange."""

    http: str
    ws: str
    chain_id: int
    accounts: list[Account]
    process: subprocess.Popen

    def control(self, path: str, body=None):
        """Asks the control plane; posts `body` as JSON when there is one."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.http}/paper/{path}", data=data, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextlib.contextmanager
def paper(*flags: str, wait: float = 20.0):
    """Starts `lighter-plan paper` with `flags` and the control plane, and ends it afterwards."""
    binary = os.environ["LIGHTER_PLAN_BINARY"]
    with tempfile.TemporaryDirectory() as folder:
        ready = pathlib.Path(folder) / "ready.json"
        command = [binary, "paper", "--control", "--ready-file", str(ready), *flags]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            line = _line(ready, process, wait)
            known = set(Account.__dataclass_fields__)
            accounts = [
                Account(**{key: row[key] for key in known}) for row in line["accounts"]
            ]
            yield Paper(line["http"], line["ws"], line["chain_id"], accounts, process)
            assert process.poll() is None, "the exchange ended while the test ran"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _line(ready: pathlib.Path, process: subprocess.Popen, wait: float) -> dict:
    """Waits for the line that says the exchange is ready."""
    until = time.monotonic() + wait
    while time.monotonic() < until:
        if ready.exists():
            return json.loads(ready.read_text())
        if process.poll() is not None:
            raise RuntimeError(f"the exchange ended with {process.returncode} before it was ready")
        time.sleep(0.02)
    raise TimeoutError("the exchange was not ready in time")


def until(condition, seconds: float = 10.0, pause: float = 0.05):
    """Returns the first true answer of `condition`, or fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"`{condition}` did not come true in {seconds} s"
        time.sleep(pause)
