"""OKAP 1.0 over HTTP: ask, wait or poll, collect once; and what nobody's address looks like."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from vault import Organization, detail
from waiting import until


def body(*details: dict) -> dict:
    return {
        "okap": "1.0",
        "authorization_details": list(details) or [detail(models=["gpt-4o-mini"])],
        "client": {"name": "Notebook"},
    }


def ask(organization: Organization, address: str, wanted: dict | None = None, wait: int = 0) -> httpx.Response:
    user = httpx.URL(address).username
    return organization.app.post("/okap/authorize", json=wanted or body(), auth=(user, ""), headers={"prefer": f"wait={wait}"})


def poll(organization: Organization, pending: dict, wait: int = 0, secret: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret or pending['poll_secret']}", "prefer": f"wait={wait}"}
    return organization.app.get(pending["poll_url"], headers=headers)


def test_a_pending_request_is_collected_once_with_its_poll_secret(organization: Organization) -> None:
    organization.key("openai")
    answer = ask(organization, organization.handle())
    assert answer.status_code == 202
    pending = answer.json()
    assert pending["status"] == "pending" and pending["authorize_url"].endswith(pending["request_id"])
    assert poll(organization, pending).status_code == 202
    organization.post(f"/requests/{pending['request_id']}/approve", {}, status=200)
    granted = poll(organization, pending)
    assert granted.status_code == 200 and granted.json()["status"] == "granted"
    told = granted.json()["authorization_details"][0]
    assert told["models"] == ["gpt-4o-mini"] and told["base_url"] and told["expires"]
    again = poll(organization, pending)
    assert again.status_code in (401, 410) and "okap_" not in again.text


def test_a_waiting_caller_is_answered_as_soon_as_it_is_decided(organization: Organization) -> None:
    organization.key("openai")
    address = organization.handle()
    with ThreadPoolExecutor(1) as one:
        waiting = one.submit(ask, organization, address, None, 20)
        request = until("the request in the inbox", organization.pending)[0]
        decided_at = time.monotonic()
        organization.post(f"/requests/{request['id']}/approve", {}, status=200)
        answer = waiting.result(timeout=10)
    assert answer.json()["status"] == "granted"
    assert time.monotonic() - decided_at < 2.5


def test_a_poll_that_prefers_to_wait_is_held_until_the_decision(organization: Organization) -> None:
    organization.key("openai")
    pending = ask(organization, organization.handle()).json()
    with ThreadPoolExecutor(1) as one:
        waiting = one.submit(poll, organization, pending, 20)
        organization.post(f"/requests/{pending['request_id']}/deny", {"reason": "no"}, status=204)
        assert waiting.result(timeout=10).json() == {"okap": "1.0", "status": "denied", "reason": "no"}


def test_several_providers_are_one_decision_and_one_token(organization: Organization) -> None:
    grant = organization.grant(detail("openai"), detail("anthropic"), detail("google"))
    assert [told["provider"] for told in grant.details] == ["openai", "anthropic", "google"]
    assert len(organization.get("/grants")["items"]) == 1


def headers_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """All headers but those that differ from one answer to the next; bodies are of one length, as ids and secrets are."""
    return [(name, value) for name, value in answer.headers.multi_items() if name not in ("date", "x-request-id")]


@pytest.mark.parametrize("address", ["unknown-handle", "ct_" + "A" * 46, "a" * 60, ""])
def test_an_address_that_is_nobodys_looks_like_one_that_nobody_answers(organization: Organization, address: str) -> None:
    known = ask(organization, organization.handle())
    headers = {"prefer": "wait=0"}
    nobody = organization.app.post("/okap/authorize", json=body(), auth=(address, ""), headers=headers)
    assert nobody.status_code == known.status_code == 202
    assert nobody.json().keys() == known.json().keys()
    assert headers_of(nobody) == headers_of(known)
    told = nobody.json()
    assert told["interval"] == known.json()["interval"] and abs(told["expires_in"] - known.json()["expires_in"]) <= 1
    seen, unseen = poll(organization, known.json()), poll(organization, told)
    assert (seen.status_code, seen.json().keys()) == (unseen.status_code, unseen.json().keys())
    assert headers_of(seen) == headers_of(unseen)


def test_a_handle_is_found_in_the_path_and_in_the_host_name_too(organization: Organization) -> None:
    handle = httpx.URL(organization.handle()).username
    by_path = organization.app.post(f"/v/{handle}/okap/authorize", json=body(), headers={"prefer": "wait=0"})
    by_host = organization.app.post("/okap/authorize", json=body(), headers={"prefer": "wait=0", "host": f"{handle}.vault.test"})
    assert {by_path.json()["request_id"], by_host.json()["request_id"]} == {request["id"] for request in organization.pending()}


def test_an_ended_handle_reaches_nobody(organization: Organization) -> None:
    made = organization.post("/handles", {"label": "Old"})
    assert organization.api.delete(f"/handles/{made['id']}").status_code == 204
    assert ask(organization, made["url"]).status_code == 202
    assert organization.pending() == []


def test_the_poll_secret_of_another_request_collects_nothing(organization: Organization) -> None:
    organization.key("openai")
    mine, other = (ask(organization, organization.handle()).json() for _ in range(2))
    organization.post(f"/requests/{mine['request_id']}/approve", {}, status=200)
    foreign = poll(organization, mine, secret=other["poll_secret"])
    assert foreign.status_code in (401, 404, 202) and "okap_" not in foreign.text
    assert poll(organization, mine).json()["status"] == "granted"


def test_an_inbox_takes_twenty_and_the_next_is_heard_by_nobody(organization: Organization) -> None:
    addresses = [organization.handle() for _ in range(5)]
    answers = [ask(organization, addresses[number % 5]) for number in range(25)]
    assert {answer.status_code for answer in answers} == {202}
    assert len(organization.pending()) == 20


def test_one_handle_brings_five_and_the_next_is_heard_by_nobody(organization: Organization) -> None:
    address = organization.handle()
    answers = [ask(organization, address) for _ in range(7)]
    assert {answer.status_code for answer in answers} == {202}
    assert len(organization.pending()) == 5


def test_an_app_gives_its_own_token_back(organization: Organization) -> None:
    grant = organization.grant()
    assert organization.app.post("/oauth/revoke", data={"token": grant.token}).status_code == 200
    assert organization.get(f"/grants/{grant.id}")["state"] == "revoked"


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        (detail(type="payment"), "authorization_details[0].type"),
        (detail(provider="nobody"), "authorization_details[0].provider"),
        (detail(limits={"monthly_spend": 0}), "authorization_details[0].limits.monthly_spend"),
        (detail(limits={"monthly_spend": "10"}), "authorization_details[0].limits.monthly_spend"),
        (detail(limits={"requests_per_day": 1.5}), "authorization_details[0].limits.requests_per_day"),
        (detail(limits={"yearly_spend": 1}), "authorization_details[0].limits"),
        (detail(capabilities=["fly"]), "authorization_details[0].capabilities"),
        (detail(expires="2020-01-01"), "authorization_details[0].expires"),
        (detail(base_url="https://elsewhere.test"), "authorization_details[0]"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_details_outside_the_rules_are_refused_by_place(organization: Organization, wanted: dict, place: str) -> None:
    answer = ask(organization, organization.handle(), body(wanted))
    assert answer.status_code == 400
    assert (answer.json()["error"]["type"], answer.json()["error"]["param"]) == ("invalid_authorization_details", place)
    assert organization.pending() == []
