"""Organizations are apart: another one's things are not there, for reading, changing and adding up."""

from datetime import datetime, timezone

import httpx
import pytest

from person import Person
from vault import Grant, Organization, detail
from waiting import until


class Things:
    """One of each thing that an organization can have, by id."""

    def __init__(self, organization: Organization) -> None:
        self.grant: Grant = organization.grant()
        self.key = organization.get("/provider-keys")["items"][0]["id"]
        made = organization.post("/handles", {"label": "Home"})
        self.handle = made["id"]
        body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Waiting app"}}
        user = httpx.URL(made["url"]).username
        self.request = organization.app.post(
            "/okap/authorize",
            json=body,
            auth=(user, ""),
            headers={"prefer": "wait=0"},
        ).json()["request_id"]
        self.app = organization.post("/apps", {"name": "App", "redirect_uris": ["https://app.test/cb"]})["id"]
        self.budget = organization.post("/budgets", {"scope": "organization", "monthly_spend": "500"})["id"]
        end = datetime.now(timezone.utc).replace(year=datetime.now(timezone.utc).year + 1, day=1).isoformat()
        self.token = organization.post("/api-tokens", {"label": "CI", "role": "finance", "expires_at": end})["id"]

    def calls(self) -> list[tuple[str, str, dict | None]]:
        """Every call of the management API that names one of them."""
        return [
            ("GET", f"/requests/{self.request}", None),
            ("POST", f"/requests/{self.request}/approve", {}),
            ("POST", f"/requests/{self.request}/deny", {}),
            ("GET", f"/grants/{self.grant.id}", None),
            ("PATCH", f"/grants/{self.grant.id}", {"authorization_details": [detail()]}),
            ("POST", f"/grants/{self.grant.id}/revoke", None),
            ("POST", f"/provider-keys/{self.key}/rotate", {"secret": "sk-stolen-123456789"}),
            ("POST", f"/provider-keys/{self.key}/check", None),
            ("DELETE", f"/provider-keys/{self.key}", None),
            ("DELETE", f"/handles/{self.handle}", None),
            ("DELETE", f"/apps/{self.app}", None),
            ("PATCH", f"/budgets/{self.budget}", {"monthly_spend": "1"}),
            ("DELETE", f"/budgets/{self.budget}", None),
            ("DELETE", f"/api-tokens/{self.token}", None),
        ]


def everything(organization: Organization) -> dict:
    """All that the owner sees."""
    lists = ("requests", "grants", "provider-keys", "handles", "apps", "budgets", "api-tokens", "members", "usage/calls")
    seen = {name: organization.get(f"/{name}")["items"] for name in lists}
    for grant in seen["grants"]:
        # When a minute or a day ends moves with the clock.
        grant["limits"] = [limit | {"resets_at": None} for limit in grant["limits"]]
    return seen | {"usage": organization.get("/usage")["total"]}


def test_every_id_of_another_organization_is_not_found_and_nothing_changes(
    organization: Organization,
    other_organization: Organization,
) -> None:
    things = Things(organization)
    before = everything(organization)
    for method, path, body in things.calls():
        answer = other_organization.api.request(method, path, json=body)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert everything(organization) == before


def test_an_id_that_was_never_made_is_answered_like_a_foreign_one(
    organization: Organization,
    other_organization: Organization,
) -> None:
    things = Things(organization)
    for method, path, body in things.calls():
        kind, foreign = path.split("/")[1:3]
        unknown = foreign[:-12] + "0123456789ab"
        answers = [other_organization.api.request(method, path.replace(foreign, id), json=body) for id in (foreign, unknown)]
        assert [a.status_code for a in answers] == [404, 404], kind
        assert answers[0].json()["detail"] == answers[1].json()["detail"]


def test_lists_usage_and_exports_hold_only_ones_own(organization: Organization, other_organization: Organization) -> None:
    things = Things(organization)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi."}]}
    headers = {"authorization": f"Bearer {things.grant.token}"}
    assert httpx.post(f"{things.grant.base_url('openai')}/chat/completions", json=body, headers=headers).status_code == 200
    until("the call in the record", lambda: organization.get("/usage")["total"]["calls"])
    others = everything(other_organization)
    assert others.pop("usage")["calls"] == 0
    assert {name for name, items in others.items() if items} <= {"members", "api-tokens"}
    month = datetime.now(timezone.utc).strftime("%Y-%m")
    export = other_organization.api.get("/exports/usage", params={"period": month})
    assert len(export.text.splitlines()) == 1
    assert other_organization.api.get("/usage/calls", params={"grant": things.grant.id}).json()["items"] == []


def test_pages_of_another_organization_are_not_found(organization: Organization, other_organization: Organization) -> None:
    things = Things(organization)
    stranger = Person(other_organization)
    for path in (f"/requests/{things.request}", f"/connected-apps/{things.grant.id}/edit"):
        assert stranger.http.get(path).status_code == 404
    shown = stranger.http.get("/inbox").text + stranger.http.get("/connected-apps").text
    assert "Waiting app" not in shown and "Test app" not in shown


def test_a_key_of_another_organization_cannot_be_named_to_pay(
    organization: Organization,
    other_organization: Organization,
) -> None:
    foreign_key, request = Things(organization).key, Things(other_organization).request
    answer = other_organization.api.post(f"/requests/{request}/approve", json={"key_ids": {"openai": foreign_key}})
    assert answer.status_code in (404, 422)
    assert [r["id"] for r in other_organization.pending()] == [request]


@pytest.mark.parametrize("credential", ["okap", "none", "garbage", "basic"])
def test_the_management_api_takes_no_other_credentials(organization: Organization, credential: str) -> None:
    values = {
        "okap": f"Bearer {organization.grant().token}",
        "garbage": "Bearer lk_" + "x" * 49,
        "basic": "Basic YTpi",
        "none": "",
    }
    for path in ("/grants", "/provider-keys", "/usage", "/session"):
        headers = {"authorization": values[credential]} if values[credential] else {}
        answer = organization.app.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 401, f"{path}: {answer.status_code}"


def test_a_finance_token_reads_costs_and_decides_nothing(organization: Organization) -> None:
    things = Things(organization)
    end = datetime.now(timezone.utc).replace(year=datetime.now(timezone.utc).year + 1, day=1).isoformat()
    token = organization.post("/api-tokens", {"label": "Books", "role": "finance", "expires_at": end})["token"]
    with httpx.Client(base_url=organization.api.base_url, headers={"authorization": f"Bearer {token}"}) as finance:
        assert finance.get("/usage").status_code == 200
        assert finance.post(f"/requests/{things.request}/approve", json={}).status_code == 403
        assert (
            finance.post("/provider-keys", json={"provider": "openai", "name": "x", "secret": "sk-123456789012"}).status_code
            == 403
        )
        assert finance.post(f"/grants/{things.grant.id}/revoke").status_code == 403
    assert [r["id"] for r in organization.pending()] == [things.request]
