"""What it cost: the record, the API, the exports and the page say what the provider served, to the nano-dollar."""

import csv
import hashlib
import io
import json
from datetime import datetime, timezone
from decimal import Decimal

import httpx
import pytest

from person import Person
from prices import cost_of
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

MONTH = datetime.now(timezone.utc).strftime("%Y-%m")


def call(grant: Grant, provider: str, *, stream: bool, **script) -> None:
    text = told(**script) if script else "Say hello."
    paths = {
        "openai": ("/chat/completions", {"model": "gpt-4o-mini", "max_completion_tokens": 500, "stream": stream}),
        "anthropic": ("/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 500, "stream": stream}),
        "google": (f"/v1beta/models/gemini-2.5-flash:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}", {}),
    }
    path, body = paths[provider]
    if provider == "google":
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    else:
        body = body | {"messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {grant.token}", "anthropic-version": "2023-06-01"}
    answer = httpx.post(grant.base_url(provider) + path, json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def total_of(organization: Organization) -> dict:
    return organization.get("/usage")["total"]


def recorded(organization: Organization, count: int) -> dict:
    def enough() -> dict | None:
        total = total_of(organization)
        return total if total["calls"] >= count else None

    return until(f"{count} calls in the record", enough)


@pytest.fixture
def served(organization: Organization, simulator: Simulator) -> list[dict]:
    """A dozen calls of every kind, as the provider logged them."""
    grant = organization.grant(detail("openai"), detail("anthropic"), detail("google"), app_name='Ledger, "Inc."')
    for provider in ("openai", "anthropic", "google"):
        for stream in (False, True):
            call(grant, provider, stream=stream)
            call(grant, provider, stream=stream, input_tokens=1001, cached_tokens=400, output_tokens=77, reasoning_tokens=30)
    calls = [c for secret in organization.secrets.values() for c in simulator.wait_for_calls(secret, 4)]
    recorded(organization, 12)
    return calls


def test_the_record_is_what_the_provider_served_times_its_price(organization: Organization, served: list[dict]) -> None:
    total = total_of(organization)
    assert (total["calls"], total["estimated_calls"]) == (12, 0)
    assert total["input_tokens"] == sum(c["input_tokens"] for c in served)
    assert total["output_tokens"] == sum(c["output_tokens"] for c in served)
    assert Decimal(total["cost"]) == sum(cost_of(c) for c in served)


def test_a_call_that_cost_more_than_was_held_is_booked_whole_and_says_so(organization: Organization, simulator: Simulator) -> None:
    call(organization.grant(), "openai", stream=False, input_tokens=400_000, output_tokens=7)
    (served,) = simulator.wait_for_calls(organization.secrets["openai"], 1)
    (record,) = until("the call in the record", lambda: organization.get("/usage/calls")["items"])
    assert (record["measurement"], record["exceeded_reservation"]) == ("measured", True)
    assert Decimal(record["cost"]) == cost_of(served) > 0


def test_every_way_of_adding_up_comes_to_the_same(organization: Organization, served: list[dict]) -> None:
    total = Decimal(total_of(organization)["cost"])
    for by in ("app", "user", "model", "grant", "day", "provider", "app,model", "day,provider,model"):
        items = organization.get("/usage", group_by=by)["items"]
        assert sum(Decimal(item["cost"]) for item in items) == total, by
    models = {item["model"]: Decimal(item["cost"]) for item in organization.get("/usage", group_by="model")["items"]}
    assert models == {m: sum(cost_of(c) for c in served if c["model"] == m) for m in {c["model"] for c in served}}


def test_exports_are_the_record_and_match_their_manifests(organization: Organization, served: list[dict]) -> None:
    total = Decimal(total_of(organization)["cost"])
    for kind in ("csv", "jsonl"):
        file = organization.api.get("/exports/usage", params={"period": MONTH, "format": kind})
        manifest = organization.get("/exports/usage/manifest", period=MONTH, format=kind)
        text = file.content.decode()
        rows = list(csv.DictReader(io.StringIO(text))) if kind == "csv" else [json.loads(line) for line in text.splitlines()]
        assert len(rows) == manifest["rows"] == 12
        assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal(manifest["sum"]) == total
        assert hashlib.sha256(file.content).hexdigest() == manifest["sha256"]
        assert {row["app_name"] for row in rows} == {'Ledger, "Inc."'}


def test_the_page_shows_the_same_sum(organization: Organization, served: list[dict]) -> None:
    page = Person(organization).http.get("/usage").text
    assert f'<data value="{total_of(organization)["cost"]}">' in page


def test_the_limits_have_counted_what_the_record_says(organization: Organization, served: list[dict]) -> None:
    limits = organization.get("/grants")["items"][0]["limits"]
    monthly = [limit for limit in limits if limit["name"] == "monthly_spend"]
    assert sum(Decimal(limit["spent"]) for limit in monthly) == Decimal(total_of(organization)["cost"])
    assert all(Decimal(limit["reserved"]) == 0 for limit in monthly)


def test_a_call_that_the_provider_refused_costs_nothing(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    headers = {"authorization": f"Bearer {grant.token}"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": told(status=500)}]}
    assert httpx.post(f"{grant.base_url('openai')}/chat/completions", json=body, headers=headers).status_code == 500
    (refused,) = until("the call in the record", lambda: organization.get("/usage/calls")["items"])
    assert (Decimal(refused["cost"]), refused["provider_status"]) == (0, 500)
    assert not simulator.wait_for_calls(organization.secrets["openai"], 1)[0]["billed"]


def test_a_stream_that_the_app_leaves_is_charged_for_what_was_made(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    body = {
        "model": "gpt-4o-mini",
        "max_completion_tokens": 200,
        "stream": True,
        "messages": [{"role": "user", "content": told(chunks=50, output_tokens=100, chunk_delay_ms=50)}],
    }
    headers = {"authorization": f"Bearer {grant.token}"}
    with httpx.stream("POST", f"{grant.base_url('openai')}/chat/completions", json=body, headers=headers) as answer:
        next(answer.iter_lines())
    (made,) = simulator.wait_for_calls(organization.secrets["openai"], 1)
    total = recorded(organization, 1)
    assert Decimal(total["cost"]) >= cost_of(made)


def test_a_provider_that_never_tells_its_usage_is_charged_at_the_most(organization: Organization) -> None:
    call(organization.grant(), "openai", stream=False, omit_usage=True)
    total = recorded(organization, 1)
    assert total["estimated_calls"] == 1 and total["output_tokens"] == 500
