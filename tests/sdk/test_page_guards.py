"""What stands between a page's form and a decision: who sent it, from where, and what the page had shown."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from person import Fields, Person
from vault import Organization, detail


@pytest.fixture
def person(organization: Organization) -> Person:
    organization.key("openai")
    return Person(organization)


@pytest.fixture
def path(organization: Organization) -> str:
    """The page of a request that waits."""
    handle = httpx.URL(organization.handle()).username
    body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Waiting app"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(handle, ""), headers={"prefer": "wait=0"})
    return f"/requests/{asked.json()['request_id']}"


CHANGES: dict[str, Callable[[Fields], Fields]] = {
    "no csrf token": lambda fields: [(n, v) for n, v in fields if n != "csrf"],
    "another csrf token": lambda fields: [(n, "0" * len(v) if n == "csrf" else v) for n, v in fields],
    "two csrf tokens": lambda fields: [*fields, ("csrf", "x")],
    "what was not shown": lambda fields: [(n, "0" * 64 if n == "shown" else v) for n, v in fields],
    "nothing shown": lambda fields: [(n, v) for n, v in fields if n != "shown"],
    "a field too many": lambda fields: [*fields, ("d0.yearly_spend", "5")],
    "a limit twice": lambda fields: [*fields, ("d0.monthly_spend", "1")],
    "a second provider": lambda fields: [*fields, ("d1.monthly_spend", "1")],
    "a model that was not asked for": lambda fields: [*fields, ("d0.models", "o3")],
    "no model": lambda fields: [(n, v) for n, v in fields if n != "d0.models"],
    "a key that is nobody's": lambda fields: [
        (n, "key_00000000000070008000000000000000" if n == "d0.key" else v) for n, v in fields
    ],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_form_that_the_page_did_not_hold_decides_nothing(
    organization: Organization,
    person: Person,
    path: str,
    change: Callable[[Fields], Fields],
) -> None:
    answer = person.send(f"{path}/approve", change(person.form(path, "/approve")))
    assert answer.status_code in (400, 403, 409, 422)
    assert len(organization.pending()) == 1 and organization.get("/grants")["items"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "", "origin": "https://evil.test"},
        {"sec-fetch-site": "", "origin": "null"},
    ],
    ids=str,
)
def test_a_form_from_another_origin_decides_nothing(organization: Organization, person: Person, path: str, headers: dict) -> None:
    fields = person.form(path, "/approve")
    person.http.headers.update(headers)
    assert person.send(f"{path}/approve", fields).status_code == 403
    assert len(organization.pending()) == 1


def test_what_a_yes_comes_to_is_told_to_its_person_alone_and_decides_nothing(
    organization: Organization, person: Person, path: str
) -> None:
    fields = person.form(path, "/approve")
    narrower = [(n, "2" if n == "d0.monthly_spend" else v) for n, v in fields]
    told = person.send(f"{path}/preview", narrower)
    assert told.status_code == 200 and "this costs you $2.00 in a calendar month" in told.text
    assert person.send(f"{path}/preview", CHANGES["no csrf token"](fields)).status_code == 403
    assert person.send(f"{path}/preview", CHANGES["a second provider"](fields)).status_code == 400
    assert len(organization.pending()) == 1
    assert person.approve(path).status_code == 303
    assert person.send(f"{path}/preview", fields).status_code == 409


def test_a_key_stored_meanwhile_is_not_decided_about_unseen(organization: Organization, person: Person, path: str) -> None:
    fields = person.form(path, "/approve")
    organization.post("/provider-keys", {"provider": "openai", "name": "Second", "secret": "sk-test-second-0123456789"})
    assert person.send(f"{path}/approve", fields).status_code == 409
    assert person.approve(path).status_code == 303


def test_a_session_cookie_alone_changes_nothing_through_the_api(organization: Organization, person: Person, path: str) -> None:
    session = person.http.get("/session").json()
    for headers in ({}, {"x-csrf-token": "wrong"}):
        assert person.http.post(f"/api/v1{path}/approve", json={}, headers=headers).status_code == 403
    assert person.http.post(f"/api/v1{path}/approve", json={}, headers={"x-csrf-token": session["csrf_token"]}).status_code == 200


@pytest.mark.parametrize(
    "next_page", ["//evil.test", "https://evil.test", "/\\evil.test", "/%0d%0aset-cookie:x", "javascript:alert(1)", "evil"]
)
def test_signing_in_leads_nowhere_else(organization: Organization, next_page: str) -> None:
    with httpx.Client(headers={"accept": "text/html", "sec-fetch-site": "same-origin"}) as http:
        for answer in (
            http.get(organization.sign_in_url, params={"next": next_page}),
            http.post(organization.sign_in_url, data={"next": next_page}),
        ):
            location = answer.headers.get("location", "/")
            assert location.startswith("/") and not location.startswith(("//", "/\\"))


def test_an_ended_session_is_worth_nothing(organization: Organization, person: Person) -> None:
    cookies = dict(person.http.cookies)
    fields = person.form("/account", "/sign-out")
    assert person.send("/sign-out", fields).status_code == 303
    person.http.cookies.update(cookies)
    assert person.http.get("/session").status_code == 401


def test_of_many_decisions_at_once_one_counts(organization: Organization, person: Person, path: str) -> None:
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda _: organization.api.post(f"{path}/approve", json={}).status_code, range(10)))
    assert sorted(set(answers)) == [200, 409] and answers.count(200) == 1
    assert len(organization.get("/grants")["items"]) == 1


def test_of_many_uses_of_a_ticket_at_once_one_counts(organization: Organization) -> None:
    organization.key("openai")
    ticket = httpx.URL(organization.ticket("openai")).username
    body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Eager app"}}

    def use(_: int) -> int:
        return organization.app.post("/okap/authorize", json=body, auth=(ticket, ""), headers={"prefer": "wait=0"}).status_code

    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(use, range(10)))
    assert answers.count(200) == 1 and set(answers) == {200, 202}
    assert len(organization.get("/grants")["items"]) == 1
