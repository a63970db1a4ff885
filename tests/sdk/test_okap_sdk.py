"""The released `okap` SDK (0.1.2), unmodified, against the vault's flat form."""

from datetime import datetime, timezone

import httpx
import openai
import pytest
from okap import AccessResponse
from okap.errors import AccessDeniedError
from openai import OpenAI

from asking import asking, the_request
from vault import Organization

HELLO = [{"role": "user", "content": "Say hello."}]


def test_within_a_tickets_ceiling_the_token_comes_at_once(organization: Organization) -> None:
    organization.key("openai")
    address = organization.ticket("openai", monthly_spend="5", models=["gpt-4o*"])
    token = asking(address, models=["gpt-4o-mini"], capabilities=["chat"], monthly_limit=2.5).result(timeout=10)
    assert token.token.startswith("okap_")
    assert (token.provider, token.models, token.limits.monthly_spend) == ("openai", ["gpt-4o-mini"], 2.5)
    assert token.expires_at > datetime.now(timezone.utc)
    answer = OpenAI(api_key=token.token, base_url=token.base_url).chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert answer.choices[0].message.content


def test_above_a_tickets_ceiling_a_person_decides(organization: Organization) -> None:
    organization.key("openai")
    waiting = asking(organization.ticket("openai", monthly_spend="1"), monthly_limit=4.0)
    request = the_request(organization)
    organization.post(f"/requests/{request['id']}/approve", {}, status=200)
    assert waiting.result(timeout=10).limits.monthly_spend == 4.0


def test_what_a_person_narrowed_is_what_the_sdk_gets_and_what_holds(organization: Organization) -> None:
    organization.key("openai")
    waiting = asking(organization.handle(), models=["gpt-4o-mini", "gpt-4o"], monthly_limit=4.0, requests_per_minute=30)
    request = the_request(organization)
    assert (request["app_name"], request["verification"]) == ("Garden planner", "unverified")
    narrowed = request["authorization_details"][0] | {
        "models": ["gpt-4o-mini"],
        "limits": {"monthly_spend": 1.5, "requests_per_minute": 2},
    }
    organization.post(f"/requests/{request['id']}/approve", {"authorization_details": [narrowed]}, status=200)
    token = waiting.result(timeout=10)
    assert (token.models, token.limits.monthly_spend, token.limits.requests_per_minute) == (["gpt-4o-mini"], 1.5, 2)
    granted = organization.get("/grants")["items"][0]["authorization_details"][0]
    assert (granted["models"], granted["limits"]["monthly_spend"]) == (["gpt-4o-mini"], 1.5)
    with pytest.raises(openai.PermissionDeniedError):
        OpenAI(api_key=token.token, base_url=token.base_url, max_retries=0).chat.completions.create(
            model="gpt-4o", messages=HELLO
        )


def test_a_denial_is_the_sdks_own_exception_with_the_persons_words(organization: Organization) -> None:
    waiting = asking(organization.handle())
    organization.post(f"/requests/{the_request(organization)['id']}/deny", {"reason": "not this month"}, status=204)
    with pytest.raises(AccessDeniedError) as denied:
        waiting.result(timeout=10)
    assert denied.value.code == "user_denied" and "not this month" in str(denied.value)


def test_a_ticket_is_spent_by_its_first_use(organization: Organization) -> None:
    organization.key("openai")
    address = organization.ticket("openai")
    assert asking(address).result(timeout=10).token
    again = asking(address)
    with pytest.raises(TimeoutError):
        again.result(timeout=2)
    assert organization.pending() == []


def test_a_ticket_for_a_provider_without_a_key_says_so(organization: Organization) -> None:
    with pytest.raises(AccessDeniedError) as denied:
        asking(organization.ticket("google"), "google", models=["gemini-2.5-flash"]).result(timeout=10)
    assert denied.value.code == "invalid_request" and "No key configured" in str(denied.value)


@pytest.mark.parametrize(
    "wanted",
    [
        {"monthly_limit": -1.0},
        {"daily_limit": 1e308},
        {"requests_per_minute": -5},
        {"expires": "tomorrow"},
        {"expires": "2020-01-01"},
        {"models": ["gpt*4"]},
        {"models": ["x"] * 100},
        {"reason": "x" * 501},
        {"app": {"app_name": ""}},
        {"app": {"app_name": "x" * 81}},
        {"app": {"app_url": "javascript:alert(1)"}},
        {"app": {"app_url": "garden"}},
    ],
    ids=str,
)
def test_an_odd_request_is_refused_in_words_and_reaches_nobody(organization: Organization, wanted: dict) -> None:
    with pytest.raises(AccessDeniedError) as denied:
        asking(organization.handle(), **wanted).result(timeout=10)
    assert denied.value.code == "invalid_request" and str(denied.value)
    assert organization.pending() == []


@pytest.mark.parametrize(
    ("provider", "capabilities"),
    [("anthropic", ["chat"]), ("google", ["chat", "embeddings"]), ("ollama", ["chat"])],
)
def test_other_providers_are_asked_for_alike(organization: Organization, provider: str, capabilities: list[str]) -> None:
    organization.key(provider)
    token = asking(organization.ticket(provider), provider, models=[], capabilities=capabilities).result(timeout=10)
    assert token.provider == provider and token.base_url.endswith(f"/v1/{provider}")
    assert sorted(token.capabilities) == sorted(capabilities)


@pytest.mark.parametrize("wanted", [{"capabilities": ["vision"]}, {"capabilities": ["code"]}, {"provider": "custom"}], ids=str)
def test_what_the_sdk_has_no_name_for_it_does_not_ask(organization: Organization, wanted: dict) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        asking(organization.handle(), **wanted).result(timeout=10)
    assert organization.pending() == []


def in_the_flat_form(organization: Organization, address: str, **wanted) -> dict:
    """What the SDK would be told if it had a name for what is asked."""
    body = {"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "Garden planner"} | wanted
    answer = organization.app.post("/okap/request", json=body, auth=(httpx.URL(address).username, ""))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_provider_that_no_sdk_can_name_is_refused_in_words(organization: Organization) -> None:
    told = in_the_flat_form(organization, organization.handle(), provider="custom")
    assert (told["approved"], told["error_code"]) == (False, "invalid_request")
    assert "unknown provider; known are openai" in told["error"] and organization.pending() == []


def test_capabilities_that_the_sdk_cannot_read_are_granted_and_left_out_of_its_answer(organization: Organization) -> None:
    organization.key("openai")
    wanted = ["chat", "code", "vision"]
    ceiling = {"providers": ["openai"], "capabilities": wanted, "monthly_spend": "20", "days": 30}
    address = organization.post("/connect-tickets", {"label": "Test", "ceiling": ceiling})["url"]
    told = AccessResponse.model_validate(in_the_flat_form(organization, address, capabilities=wanted))
    assert told.approved and told.token and [one.value for one in told.token.capabilities] == ["chat"]
    granted = organization.get("/grants")["items"][0]["authorization_details"][0]
    assert sorted(granted["capabilities"]) == wanted
