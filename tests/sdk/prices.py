"""What a call costs, worked out from the published prices beside the code under test, not by it."""

import json
from datetime import date, datetime, timezone
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

BOOK = Path(__file__).resolve().parents[2] / "shared" / "price-book" / "prices.json"
MILLION = Decimal(1_000_000)
NANO = Decimal("0.000000001")


def rates_of(provider: str, model: str) -> dict[str, Decimal]:
    """USD for a million tokens of each kind, at today's price and in the usual service tier."""
    today = datetime.now(timezone.utc).date()
    for entry in json.loads(BOOK.read_text())["providers"][provider]["models"]:
        if model in [entry["id"], *entry.get("aliases", [])]:
            (now,) = [p for p in entry["prices"] if _counts_on(p, today)]
            return {kind: Decimal(rate) for kind, rate in now["rates"].items()}
    raise LookupError(f"{model} of {provider} has no price")


def _counts_on(price: dict, day: date) -> bool:
    return date.fromisoformat(price.get("from", "0001-01-01")) <= day < date.fromisoformat(price.get("to", "9999-12-31"))


def cost_of(call: dict) -> Decimal:
    """The cost of a call as the simulator logged it, rounded up to the nano-dollar once."""
    rates = rates_of(call["provider"], call["model"])
    cached, written = call["cached_tokens"], call["cache_write_tokens"]
    fresh = rates.get("input", Decimal(0))
    # What is heard is all audio at the simulator.
    if call["route"].startswith("audio.trans"):
        fresh = rates.get("audio_input", fresh)
    cost = (call["input_tokens"] - cached - written) * fresh
    cost += cached * rates.get("cached_input", fresh) + written * rates.get("cache_write", fresh)
    cost += call["output_tokens"] * rates.get("image_output", rates.get("output", Decimal(0)))
    cost += call["characters"] * rates.get("characters", Decimal(0))
    cost += call["audio_seconds"] * rates.get("audio_hours", Decimal(0)) * MILLION / 3600
    return (cost / MILLION).quantize(NANO, rounding=ROUND_CEILING)
