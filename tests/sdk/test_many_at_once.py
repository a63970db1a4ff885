"""Two hundred calls at once with room for ten, over every proxy: at most ten reach the provider."""

import asyncio
import json
from decimal import Decimal

import httpx

import running
from prices import rates_of
from simulator import Simulator, told
from vault import Grant, Organization, detail

CALLS = 200
ROOM = 10
MILLION = Decimal(1_000_000)


def all_at_once(grant: Grant, body: bytes) -> list[int]:
    """The statuses of all calls, sent to the proxies in turn."""
    headers = {"authorization": f"Bearer {grant.token}", "content-type": "application/json"}
    addresses = [grant.base_url("openai", proxy) + "/chat/completions" for proxy in running.proxy_urls()]

    async def send() -> list[int]:
        limits = httpx.Limits(max_connections=CALLS)
        async with httpx.AsyncClient(timeout=60, limits=limits, headers=headers) as http:
            calls = [http.post(addresses[n % len(addresses)], content=body) for n in range(CALLS)]
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    return asyncio.run(send())


def a_body(**script) -> bytes:
    message = {"role": "user", "content": told(**script)}
    return json.dumps({"model": "gpt-4o-mini", "max_completion_tokens": 50, "messages": [message]}).encode()


def test_ten_requests_a_day_are_ten_wherever_they_come_in(organization: Organization, simulator: Simulator) -> None:
    statuses = all_at_once(organization.grant(detail(limits={"requests_per_day": ROOM, "requests_per_minute": 1000})), a_body())
    assert statuses.count(200) == ROOM and set(statuses) == {200, 429}
    assert len(simulator.calls_with(organization.secrets["openai"])) == ROOM


def test_money_for_ten_calls_is_spent_by_ten(organization: Organization, simulator: Simulator) -> None:
    # What a call uses is all that it may use: nothing of what was held is given back, so there is never room for more.
    bound = len(a_body(output_tokens=50, input_tokens=100)) + 64
    body = a_body(output_tokens=50, input_tokens=bound)
    rates = rates_of("openai", "gpt-4o-mini")
    dearest = (bound * rates["input"] + 50 * rates["output"]) / MILLION
    limits = {"monthly_spend": float(ROOM * dearest), "requests_per_minute": 1000, "requests_per_day": 1000}
    grant = organization.grant(detail(limits=limits))
    statuses = all_at_once(grant, body)
    served = simulator.calls_with(organization.secrets["openai"])
    assert 1 <= len(served) <= ROOM and statuses.count(200) == len(served)
    assert set(statuses) <= {200, 402, 429}
    monthly = next(limit for limit in organization.get(f"/grants/{grant.id}")["limits"] if limit["name"] == "monthly_spend")
    assert Decimal(monthly["spent"]) + Decimal(monthly["reserved"]) <= Decimal(monthly["limit"])
    assert Decimal(monthly["reserved"]) == 0
