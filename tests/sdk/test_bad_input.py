"""Bad input: each a specific 4xx, never a 500, nothing changed, nothing called."""

import json

import httpx
import pytest

import running
from simulator import Simulator
from vault import Grant, Organization, detail

JSON = {"content-type": "application/json"}
CHAT = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi."}]}'
DEEP = b"[" * 20_000 + b"]" * 20_000


def is_refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in (statuses or range(400, 500)), f"{answer.status_code}: {answer.text[:300]}"
    assert "panic" not in answer.text and "src/" not in answer.text


@pytest.fixture
def grant(organization: Organization) -> Grant:
    return organization.grant(detail(models=["gpt-4o-mini"]))


BODIES = {
    "empty": b"",
    "cut off": CHAT[:-9],
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "not UTF-8": b'{"model":"gpt-4o-mini\xff","messages":[]}',
    "a byte order mark": b"\xef\xbb\xbf" + CHAT,
    "a lone surrogate": b'{"model":"\\ud800","messages":[]}',
    "a zero byte": CHAT.replace(b"Hi.", b"H\x00i"),
    "no model": b'{"messages":[]}',
    "model is a list": b'{"model":["gpt-4o-mini"],"messages":[]}',
    "model is null": b'{"model":null,"messages":[]}',
    "model is empty": b'{"model":"","messages":[]}',
    "model twice": b'{"model":"gpt-4o-mini","model":"gpt-4o","messages":[]}',
    "model twice, escaped": b'{"model":"gpt-4o-mini","m\\u006fdel":"gpt-4o","messages":[]}',
    "model in another case": b'{"model":"gpt-4o-mini","Model":"gpt-4o","messages":[]}',
    "a cap twice": b'{"model":"gpt-4o-mini","max_tokens":5,"max_tokens":90000,"messages":[]}',
    "a negative cap": b'{"model":"gpt-4o-mini","max_tokens":-5,"messages":[]}',
    "a broken cap": b'{"model":"gpt-4o-mini","max_tokens":1.5,"messages":[]}',
    "an absurd cap": b'{"model":"gpt-4o-mini","max_tokens":1e99,"messages":[]}',
    "absurdly many answers": b'{"model":"gpt-4o-mini","n":100000,"messages":[]}',
    "stream is text": b'{"model":"gpt-4o-mini","stream":"yes","messages":[]}',
    "two documents": CHAT + CHAT,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_call_that_cannot_be_checked_is_not_made(
    organization: Organization, grant: Grant, simulator: Simulator, body: bytes
) -> None:
    headers = JSON | {"authorization": f"Bearer {grant.token}"}
    answer = httpx.post(f"{grant.base_url('openai')}/chat/completions", content=body, headers=headers, timeout=20)
    is_refused(answer, 400)
    assert answer.json()["error"]["type"] == "request_invalid"
    assert simulator.calls_with(organization.secrets["openai"]) == []


def test_a_bottomless_body_hurts_nobody(grant: Grant) -> None:
    body = b'{"model":"gpt-4o-mini","messages":' + DEEP + b"}"
    headers = JSON | {"authorization": f"Bearer {grant.token}"}
    is_refused(httpx.post(f"{grant.base_url('openai')}/chat/completions", content=body, headers=headers, timeout=20), 400)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
    ],
    ids=str,
)
def test_a_body_of_another_kind_is_refused(
    organization: Organization, grant: Grant, simulator: Simulator, headers: dict, status: int
) -> None:
    sent = JSON | {"authorization": f"Bearer {grant.token}"} | headers
    is_refused(httpx.post(f"{grant.base_url('openai')}/chat/completions", content=CHAT, headers=sent, timeout=20), status)
    assert simulator.calls_with(organization.secrets["openai"]) == []


def test_too_large_a_call_is_refused_in_the_shape_that_sdks_read(grant: Grant) -> None:
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 70_000_000}]}).encode()
    headers = JSON | {"authorization": f"Bearer {grant.token}"}
    answer = httpx.post(f"{grant.base_url('openai')}/chat/completions", content=body, headers=headers, timeout=60)
    is_refused(answer, 413)
    assert answer.json()["error"]["type"] == "request_invalid"


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("/api/v1/provider-keys", {"provider": "openai", "name": "K", "secret": "sk-0123456789abcdef"}),
        ("/api/v1/connect-tickets", {"label": "T"}),
        ("/api/v1/handles", {"label": "H"}),
        ("/api/v1/apps", {"name": "A", "redirect_uris": ["https://a.test/"]}),
        ("/api/v1/api-tokens", {"label": "L", "role": "finance", "expires_at": "2027-06-01T00:00:00Z"}),
    ],
)
def test_the_management_api_takes_exactly_what_it_describes(organization: Organization, path: str, good: dict) -> None:
    name, value = next(iter(good.items()))
    text = json.dumps(good)
    wrong = {
        "not JSON": b"{",
        "not an object": b"[]",
        "not UTF-8": text.encode()[:-1] + b',"x":"\xff"}',
        "no members": b"{}",
        "deep": DEEP,
        "one too many": json.dumps(good | {"admin": True}).encode(),
        "twice": (text[:-1] + f',"{name}":{json.dumps(value)}}}').encode(),
        "wrong type": json.dumps(good | {name: {"a": 1}}).encode(),
        "too long": json.dumps(good | {name: "x" * 5000}).encode(),
        "empty": json.dumps(good | {name: ""}).encode(),
        "oversized": json.dumps(good | {name: "x" * 400_000}).encode(),
    }
    for case, body in wrong.items():
        answer = organization.api.post(f"{running.url()}{path}", content=body, headers=JSON)
        assert answer.status_code in (400, 413, 422), f"{case}: {answer.status_code} {answer.text[:200]}"
        assert answer.headers["content-type"].startswith("application/problem+json"), case
        assert answer.json()["status"] == answer.status_code and answer.json()["type"], case
    plain = organization.api.post(f"{running.url()}{path}", content=text.encode(), headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    seen = organization.get(path.removeprefix("/api/v1"))["items"] if "tickets" not in path else []
    assert len(seen) == (1 if path.endswith("api-tokens") else 0)


@pytest.mark.parametrize(
    "details",
    [
        "x",
        [],
        [{}],
        [detail(limits={"monthly_spend": 1e30})],
        [detail(limits={"monthly_spend": -1})],
        [detail(models=[1])],
        [detail(provider="openai"), detail(provider="openai")],
        [detail(expires="2020-01-01")],
        [detail(limits={"requests_per_day": 2**40})],
    ],
    ids=lambda case: str(case)[:60],
)
def test_a_decision_outside_the_rules_decides_nothing(organization: Organization, details: object) -> None:
    organization.key("openai")
    address = httpx.URL(organization.handle()).username
    body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "App"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(address, ""), headers={"prefer": "wait=0"}).json()
    answer = organization.api.post(f"/requests/{asked['request_id']}/approve", json={"authorization_details": details})
    is_refused(answer, 400, 422)
    assert len(organization.pending()) == 1 and organization.get("/grants")["items"] == []


@pytest.mark.parametrize(
    "wider",
    [
        {"models": ["gpt-4o-mini", "o3"]},
        {"models": []},
        {"limits": {"monthly_spend": 4.5}},
        {"capabilities": ["chat", "images"]},
        {"expires": "2099-01-01"},
    ],
    ids=lambda case: next(iter(case)),
)
def test_nobody_widens_what_was_asked_for(organization: Organization, wider: dict) -> None:
    organization.key("openai")
    address = httpx.URL(organization.handle()).username
    wanted = detail(models=["gpt-4o-mini"], limits={"monthly_spend": 4})
    body = {"okap": "1.0", "authorization_details": [wanted], "client": {"name": "App"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(address, ""), headers={"prefer": "wait=0"}).json()
    answer = organization.api.post(f"/requests/{asked['request_id']}/approve", json={"authorization_details": [wanted | wider]})
    is_refused(answer, 422)
    assert len(organization.pending()) == 1


@pytest.mark.parametrize(
    "query",
    [
        "group_by=secrets",
        "from=yesterday",
        "from=2026-12-01&to=2026-11-01",
        "from=0001-01-01",
        "group_by=day&group_by=app",
        "x=1",
    ],
)
def test_a_question_about_usage_that_makes_no_sense_is_refused(organization: Organization, query: str) -> None:
    is_refused(organization.api.get(f"/usage?{query}"), 400)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "period=2026",
        "period=2026-13",
        "period=2026-11&format=exe",
        "period=2026-11&format=csv&format=csv",
        "period=../../etc",
    ],
)
def test_a_period_that_is_none_is_refused(organization: Organization, query: str) -> None:
    is_refused(organization.api.get(f"/exports/usage?{query}"), 400)


@pytest.mark.parametrize(
    "id",
    [
        "x",
        "grant_",
        "grant_zz",
        "key_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d",
        "019aa2c4d7f07d0c9f6b0b4f0a3b1c2d",
        "%00",
        "%ff",
        "'--",
        "x" * 3000,
    ],
)
def test_an_id_of_the_wrong_form_is_not_found(organization: Organization, id: str) -> None:
    for path in (f"/grants/{id}", f"/requests/{id}"):
        is_refused(organization.api.get(path), 400, 404)
