"""An app makes a token for a part of itself that it trusts less (RFC 8693), and the SDK works with it like with any other."""

import json

import httpx
import openai
import pytest
from openai import OpenAI

import running
from simulator import Simulator, told
from vault import Organization, detail
from waiting import until

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
HELLO = [{"role": "user", "content": "Say hello."}]
# 100 output tokens: with gpt-4o-mini this costs 0.00006 USD, and at most 0.0001 when it is held.
A_CALL = {
    "model": "gpt-4o-mini",
    "max_completion_tokens": 100,
    "messages": [{"role": "user", "content": told(output_tokens=100)}],
}


def exchanged(token: str, **members) -> dict:
    """Without a client, for it came through OKAP: client libraries always name one, so this is plain HTTP."""
    asked = {"authorization_details": json.dumps([detail(**members)])} if members else {}
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **asked}
    answer = httpx.post(f"{running.url()}/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def app_of(token: dict) -> OpenAI:
    base_url = token["authorization_details"][0]["base_url"]
    return OpenAI(api_key=token["access_token"], base_url=base_url, max_retries=0, timeout=20)


def test_a_child_calls_within_less_and_its_parent_pays(organization: Organization, simulator: Simulator) -> None:
    parent = organization.grant()
    child = exchanged(parent.token, models=["gpt-4o-mini"], limits={"monthly_spend": 0.01})
    assert child["issued_token_type"] == ACCESS_TOKEN and "refresh_token" not in child
    app = app_of(child)
    answer = app.chat.completions.with_raw_response.create(**A_CALL)
    assert answer.parse().usage.completion_tokens == 100
    assert float(answer.headers["x-okap-spend-remaining"]) < 0.01
    with pytest.raises(openai.PermissionDeniedError) as refused:
        app.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused.value.type == "model_not_granted"

    def spent(grant: dict) -> float:
        return next(float(limit["spent"]) for limit in grant["limits"] if limit["name"] == "monthly_spend")

    both = until("both know what it cost", lambda: [g for g in organization.get("/grants")["items"] if spent(g) > 0] or None)
    assert len(both) == 2 and spent(both[0]) == spent(both[1])
    made = next(grant for grant in both if grant.get("parent"))
    assert made["parent"] == parent.id
    # One call is one record, the child's.
    calls = until("the record", lambda: organization.get("/usage/calls")["items"])
    assert [call["grant"] for call in calls] == [made["id"]]
    assert len(simulator.calls_with(organization.secrets["openai"])) == 1


def test_a_child_is_told_what_really_remains(organization: Organization) -> None:
    parent = organization.grant(detail(limits={"monthly_spend": 0.00012}))
    child = exchanged(parent.token)
    own = OpenAI(api_key=parent.token, base_url=parent.base_url("openai"), max_retries=0)
    own.chat.completions.create(**A_CALL)
    with pytest.raises(openai.APIStatusError) as refused:
        app_of(child).chat.completions.create(**A_CALL)
    assert (refused.value.status_code, refused.value.type) == (402, "spend_limit_exceeded")
    assert "made from" in refused.value.body["message"]
    known = organization.app.get("/v1/grant", headers={"authorization": f"Bearer {child['access_token']}"}).json()
    month = next(limit for limit in known["limits"] if limit["name"] == "monthly_spend")
    assert known["parent"] == parent.id and month["spent"] == "0"
    assert float(month["remaining"]) < 0.00012


def test_a_child_dies_with_its_parent(organization: Organization) -> None:
    parent = organization.grant()
    app = app_of(exchanged(parent.token))
    grandchild = app_of(exchanged(app.api_key))
    assert app.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
    organization.post(f"/grants/{parent.id}/revoke", status=204)
    for orphan in (app, grandchild):
        with pytest.raises(openai.AuthenticationError) as refused:
            orphan.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        assert refused.value.type == "token_revoked"
