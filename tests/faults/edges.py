"""Limits that a hundred calls just fit into, and whether the provider's own log keeps within them."""

from collections import Counter
from datetime import datetime
from decimal import Decimal

from load import FIRST, MODEL, WIDEST
from observer import bill
from prices import rates_of

ROOM = 100
WIDE = {
    "requests_per_minute": 9_000,
    "requests_per_day": 900_000,
    "tokens_per_request": 1_000_000,
    "monthly_spend": 900.0,
    "daily_spend": 900.0,
}
MILLION = Decimal(1_000_000)


def worst_case(cap: int) -> Decimal:
    """What a call with this cap may cost at the most, in USD."""
    rates = rates_of("openai", MODEL)
    return (WIDEST * rates["input"] + cap * rates["output"]) / MILLION


MONEY = ROOM * worst_case(FIRST + ROOM // 2)
EDGES = {
    "monthly_spend": float(MONEY),
    "daily_spend": float(MONEY),
    "requests_per_minute": ROOM,
    "requests_per_day": ROOM,
    "tokens_per_request": WIDEST + FIRST + ROOM - 1,
}


def within_its_limit(limit: str, served: list[dict]) -> None:
    """Told by the calls that reached the provider, and by nothing that the vault says."""
    came = sorted(datetime.fromisoformat(call["at"]) for call in served)
    if limit == "monthly_spend":
        assert all(bill(of_month) <= MONEY for of_month in by(served, 7)), f"{limit}: {bill(served)} of {MONEY}"
    elif limit == "daily_spend":
        assert all(bill(of_day) <= MONEY for of_day in by(served, 10)), f"{limit}: {bill(served)} of {MONEY}"
    elif limit == "requests_per_day":
        assert max(Counter(at.date() for at in came).values()) <= ROOM, f"{limit}: {len(came)} of {ROOM}"
    elif limit == "requests_per_minute":
        # A little less than a minute: a call reaches the provider a moment after it was counted.
        lasted = [(later - came[n]).total_seconds() for n, later in enumerate(came[ROOM:])]
        assert all(seconds > 55 for seconds in lasted), f"{limit}: {len(came)} of {ROOM}"
    else:
        # Each call's cap is its number, and so the largest that fits is the last of a hundred.
        assert max(call["input_tokens"] + call["output_tokens"] for call in served) <= EDGES[limit], limit
        assert len(served) <= ROOM, f"{limit}: {len(served)} calls"


def by(served: list[dict], letters: int) -> list[list[dict]]:
    """The calls of each month (7 letters of their instant) or day (10)."""
    periods = {call["at"][:letters] for call in served}
    return [[call for call in served if call["at"].startswith(period)] for period in periods]
