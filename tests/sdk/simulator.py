"""The provider simulator: what reached a provider, by the key that came with it."""

import hashlib
import json

import httpx

import running
from waiting import until


def told(**script) -> str:
    """A user text that tells the simulator what to do with this call (tests/simulator/README.md)."""
    return f"[[sim {json.dumps(script)}]]"


class Simulator:
    def __init__(self) -> None:
        self.http = httpx.Client(base_url=running.setting("LATCHKEY_SIMULATOR_URL"), timeout=20)
        self.log: list[dict] = []
        self.read_until = 0

    def calls_with(self, secret: str) -> list[dict]:
        """Every call that came with this key and has ended, oldest first; with the headers that came. The vault's own
        look whether the key is good, a list of models, is not among them."""
        return [call for call in self._with(secret) if call["route"] != "models"]

    def checks_of(self, secret: str) -> list[dict]:
        """Every time that a list of models was asked for with this key."""
        return [call for call in self._with(secret) if call["route"] == "models"]

    def _with(self, secret: str) -> list[dict]:
        self._read_on()
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return [call for call in self.log if call["key_sha256"] == digest]

    def wait_for_calls(self, secret: str, count: int) -> list[dict]:
        """The same once there are `count`: a stream is logged a moment after its reader has it."""

        def enough() -> list[dict] | None:
            calls = self.calls_with(secret)
            return calls if len(calls) >= count else None

        return until(f"{count} calls at the provider", enough, seconds=20)

    def _read_on(self) -> None:
        while True:
            query = {"after": self.read_until, "limit": 1000, "headers": 1}
            page = self.http.get("/simulator/log", params=query).raise_for_status().json()
            self.log += page["items"]
            if not page["items"]:
                return
            self.read_until = page["next"]
