"""The vault's management API, as its owner, and the provider simulator's log."""

import csv
import hashlib
import io
import os
import time
from collections.abc import Callable
from decimal import Decimal

import httpx

from told import Broken, hold

URL = os.environ["LATCHKEY_URL"]
SIMULATOR = os.environ["LATCHKEY_SIMULATOR_URL"]
PROVIDERS = dict(pair.split("=", 1) for pair in os.environ["LATCHKEY_PROVIDER_URLS"].split(","))

_api = httpx.Client(
    base_url=f"{URL}/api/v1",
    headers={"authorization": f"Bearer {os.environ['LATCHKEY_OWNER_TOKEN']}"},
    timeout=20,
)
_simulator = httpx.Client(base_url=SIMULATOR, timeout=20)


def get(path: str, **query: object) -> dict:
    answer = _api.get(path, params=query)
    hold(answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}")
    return answer.json()


def post(path: str, body: dict | None = None) -> dict:
    answer = _api.post(path, json=body) if body is not None else _api.post(path)
    hold(answer.is_success, f"POST {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else {}


def csv_of_this_month() -> list[dict]:
    period = time.strftime("%Y-%m", time.gmtime())
    answer = _api.get("/exports/usage", params={"period": period, "format": "csv"})
    hold(answer.status_code == 200, f"the export: {answer.status_code} {answer.text}")
    return list(csv.DictReader(io.StringIO(answer.text)))


def sum_of(rows: list[dict]) -> Decimal:
    return sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0))


def until(what: str, ask: Callable[[], object], seconds: float = 15) -> object:
    """The first true answer before the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise Broken(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)
    return answer


def simulated(provider: str) -> bool:
    """Whether the simulator stands in for this provider; `up --provider-url` may have said otherwise."""
    return PROVIDERS.get(provider, "").startswith(SIMULATOR)


def end_of_log() -> int:
    """The last call that the simulator has seen so far."""
    page = {"items": [None], "next": 0}
    while page["items"]:
        page = _simulator.get("/simulator/log", params={"after": page["next"], "limit": 1000}).json()
    return page["next"]


def calls_since(mark: int) -> list[dict]:
    """The calls of apps: that the vault looks whether a key is good, by a list of models, is none."""
    calls = _simulator.get("/simulator/log", params={"after": mark, "limit": 1000, "headers": 1}).json()["items"]
    return [call for call in calls if call["route"] != "models"]


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
