"""Each limit, from the number that the owner types on the consent page to the SDK's exception."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import anthropic
import httpx
import openai
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from openai import OpenAI

import running
from person import Person
from simulator import Simulator, told
from vault import Grant, Organization, detail, some_machine
from waiting import until

# 100 output tokens: with gpt-4o-mini this costs 0.00006 USD, and at most 0.0001 when it is held.
A_CALL = {
    "model": "gpt-4o-mini",
    "max_completion_tokens": 100,
    "messages": [{"role": "user", "content": told(output_tokens=100)}],
}
ROOM_FOR_ONE = "0.00012"


@pytest.fixture
def person(organization: Organization) -> Person:
    return Person(organization)


def typed(organization: Organization, person: Person, field: str, number: str) -> OpenAI:
    """An app whose owner typed `number` into one field of the consent page, and left the others as they were."""
    organization.key("openai")
    handle = httpx.URL(organization.handle()).username
    body = {"okap": "1.0", "authorization_details": [detail(models=["gpt-4o-mini"])], "client": {"name": "Limited"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(handle, ""), headers={"prefer": "wait=0"}).json()
    answer = person.approve(f"/requests/{asked['request_id']}", **{f"d0.{field}": number})
    assert answer.status_code == 303, answer.text
    collected = organization.app.get(asked["poll_url"], headers={"authorization": f"Bearer {asked['poll_secret']}"}).json()
    shown = organization.get("/grants")["items"][0]["authorization_details"][0]
    assert collected["authorization_details"][0]["limits"] == shown["limits"]
    assert float(shown["limits"][field]) == float(number)
    return OpenAI(api_key=collected["token"], base_url=shown["base_url"], max_retries=0, timeout=20)


@pytest.mark.parametrize(("field", "longest_wait"), [("requests_per_minute", 60), ("requests_per_day", 86_400)])
def test_a_limit_on_requests(
    organization: Organization,
    person: Person,
    simulator: Simulator,
    field: str,
    longest_wait: int,
) -> None:
    app = typed(organization, person, field, "2")
    for _ in range(2):
        assert app.chat.completions.create(**A_CALL).choices
    with pytest.raises(openai.RateLimitError) as refused:
        app.chat.completions.create(**A_CALL)
    assert refused.value.type == "rate_limit_exceeded" and refused.value.body["limit_name"] == field
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= longest_wait
    assert len(simulator.calls_with(organization.secrets["openai"])) == 2


@pytest.mark.parametrize("field", ["daily_spend", "monthly_spend"])
def test_a_limit_on_money(organization: Organization, person: Person, simulator: Simulator, field: str) -> None:
    app = typed(organization, person, field, ROOM_FOR_ONE)
    assert app.chat.completions.create(**A_CALL).usage.completion_tokens == 100
    with pytest.raises(openai.APIStatusError) as refused:
        app.chat.completions.create(**A_CALL)
    assert (refused.value.status_code, refused.value.type) == (402, "spend_limit_exceeded")
    told_why = refused.value.body
    assert (told_why["limit_name"], told_why["limit"]) == (field, ROOM_FOR_ONE)
    assert 0.00006 <= float(told_why["spent"]) < float(ROOM_FOR_ONE)
    resets_at = datetime.fromisoformat(told_why["resets_at"].replace("Z", "+00:00"))
    assert resets_at > datetime.now(timezone.utc) and (resets_at.hour, resets_at.minute) == (0, 0)
    assert field == "daily_spend" or resets_at.day == 1
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert len(simulator.calls_with(organization.secrets["openai"])) == 1


def test_a_limit_on_the_tokens_of_one_call(organization: Organization, person: Person, simulator: Simulator) -> None:
    app = typed(organization, person, "tokens_per_request", "400")
    assert app.chat.completions.create(**A_CALL).choices
    with pytest.raises(openai.BadRequestError) as refused:
        app.chat.completions.create(**A_CALL | {"max_completion_tokens": 390})
    assert (refused.value.type, refused.value.param) == ("request_invalid", "tokens_per_request")
    assert app.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Short."}]).choices
    assert len(simulator.calls_with(organization.secrets["openai"])) == 2


@pytest.mark.parametrize("number", ["0", "-1", "1e2", "NaN", "999999", "5,00", "", "0.0000000001"])
def test_a_number_that_cannot_be_is_refused_beside_its_field(organization: Organization, person: Person, number: str) -> None:
    organization.key("openai")
    handle = httpx.URL(organization.handle()).username
    body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Limited"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(handle, ""), headers={"prefer": "wait=0"}).json()
    answer = person.approve(f"/requests/{asked['request_id']}", **{"d0.monthly_spend": number})
    assert answer.status_code == 422 and "d0.monthly_spend-error" in answer.text
    assert organization.get("/grants")["items"] == [] and len(organization.pending()) == 1


def test_money_is_refused_in_the_words_of_every_sdk(organization: Organization) -> None:
    tiny = {"monthly_spend": 0.0001}
    grant = organization.grant(detail("anthropic", limits=tiny), detail("google", limits=tiny))
    claude = Anthropic(api_key=grant.token, base_url=grant.base_url("anthropic"), max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as by_anthropic:
        claude.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=[{"role": "user", "content": "Hi."}])
    assert by_anthropic.value.status_code == 402
    assert by_anthropic.value.body["error"]["type"] == "spend_limit_exceeded"
    options = types.HttpOptions(base_url=grant.base_url("google"))
    gemini = genai.Client(api_key=grant.token, http_options=options)
    with pytest.raises(errors.ClientError) as by_google:
        gemini.models.generate_content(model="gemini-2.5-flash", contents="Hi.")
    assert by_google.value.code == 402 and by_google.value.details["error"]["type"] == "spend_limit_exceeded"


def test_a_model_without_a_price_is_not_called(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant(detail(models=["made-up-model"]))
    app = OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0)
    with pytest.raises(openai.BadRequestError) as refused:
        app.chat.completions.create(**A_CALL | {"model": "made-up-model"})
    assert refused.value.type == "price_unknown"
    assert simulator.calls_with(organization.secrets["openai"]) == []


def standing(grant: Grant) -> dict[str, dict]:
    with httpx.Client(transport=some_machine()) as http:
        answer = http.get(f"{running.url()}/v1/grant", headers={"authorization": f"Bearer {grant.token}"})
    assert answer.status_code == 200, answer.text
    return {limit["name"]: limit for limit in answer.json()["limits"]}


def served(app: OpenAI, **changes: str) -> bool:
    try:
        return bool(app.chat.completions.create(**A_CALL | changes).choices)
    except (openai.RateLimitError, openai.PermissionDeniedError):
        return False


def at_every_proxy(grant: Grant) -> list[OpenAI]:
    return [
        OpenAI(api_key=grant.token, base_url=grant.base_url("openai", proxy), max_retries=0) for proxy in running.proxy_urls()
    ]


def within_a_second(what: str, apps: list[OpenAI], so: Callable[[OpenAI], bool]) -> None:
    """That it comes to be so for each of them, counted from now for all."""
    with ThreadPoolExecutor(len(apps)) as all_at_once:
        list(all_at_once.map(lambda app: until(f"{what} at {app.base_url}", lambda: so(app), seconds=1), apps))


def test_a_raised_limit_holds_at_every_proxy_within_a_second_and_an_app_sees_its_own(organization: Organization) -> None:
    grant = organization.grant(detail(limits={"requests_per_day": 1}))
    apps = at_every_proxy(grant)
    apps[0].chat.completions.create(**A_CALL)
    assert (standing(grant)["requests_per_day"]["limit"], standing(grant)["requests_per_day"]["remaining"]) == ("1", "0")
    for app in apps:
        with pytest.raises(openai.RateLimitError):
            app.chat.completions.create(**A_CALL)
    # Room for one call more at each of them.
    change = {"authorization_details": [detail(limits={"requests_per_day": 1 + len(apps)})]}
    assert organization.api.patch(f"/grants/{grant.id}", json=change).status_code == 204
    within_a_second("the raised limit in force", apps, served)
    assert standing(grant)["requests_per_day"]["remaining"] == "0"


def test_a_model_that_is_taken_back_is_refused_at_every_proxy_within_a_second(organization: Organization) -> None:
    grant = organization.grant(detail(models=["gpt-4o-mini", "gpt-4o"]))
    apps = at_every_proxy(grant)
    assert all(served(app, model="gpt-4o") for app in apps)
    change = {"authorization_details": [detail(models=["gpt-4o-mini"])]}
    assert organization.api.patch(f"/grants/{grant.id}", json=change).status_code == 204
    within_a_second("the model refused", apps, lambda app: not served(app, model="gpt-4o"))
    assert all(served(app) for app in apps)
