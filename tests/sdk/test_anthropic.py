"""The official Anthropic SDK through the vault: nothing changed but key and base URL."""

import anthropic
import httpx
import pytest
from anthropic import Anthropic

from simulator import Simulator, told
from vault import Grant, Organization, detail

HELLO = [{"role": "user", "content": "Say hello to the tests."}]
HAIKU = "claude-haiku-4-5"


def client_of(grant: Grant) -> Anthropic:
    return Anthropic(api_key=grant.token, base_url=grant.base_url("anthropic"), max_retries=0, timeout=20)


@pytest.fixture
def grant(organization: Organization) -> Grant:
    return organization.grant(detail("anthropic"))


def test_a_message_comes_with_its_usage(grant: Grant) -> None:
    answer = client_of(grant).messages.create(model=HAIKU, max_tokens=100, messages=HELLO)
    assert answer.content[0].text and answer.usage.output_tokens == 12


def test_a_stream_comes_event_by_event(grant: Grant) -> None:
    with client_of(grant).messages.stream(model=HAIKU, max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text and final.usage.output_tokens == 12
    events = list(client_of(grant).messages.create(model=HAIKU, max_tokens=100, messages=HELLO, stream=True))
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")


def test_the_provider_sees_its_own_key_and_never_the_token(
    organization: Organization,
    grant: Grant,
    simulator: Simulator,
) -> None:
    client_of(grant).messages.create(model=HAIKU, max_tokens=50, messages=HELLO)
    (call,) = simulator.wait_for_calls(organization.secrets["anthropic"], 1)
    assert (call["provider"], call["model"], call["path"]) == ("anthropic", HAIKU, "/anthropic/v1/messages")
    assert grant.token not in str(call["request_headers"])


def test_counting_tokens_costs_nothing_and_works(grant: Grant) -> None:
    assert client_of(grant).messages.count_tokens(model=HAIKU, messages=HELLO).input_tokens > 0


def test_a_model_outside_the_grant_is_refused(organization: Organization) -> None:
    granted = organization.grant(detail("anthropic", models=[HAIKU]))
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        client_of(granted).messages.create(model="claude-sonnet-5", max_tokens=50, messages=HELLO)
    body = refused.value.body
    assert body["type"] == "error" and body["error"]["type"] == "model_not_granted"


def test_a_provider_outside_the_grant_is_refused(organization: Organization) -> None:
    granted = organization.grant(detail("openai"))
    client = Anthropic(api_key=granted.token, base_url=granted.base_url("openai").replace("openai", "anthropic"), max_retries=0)
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        client.messages.create(model=HAIKU, max_tokens=50, messages=HELLO)
    assert refused.value.body["error"]["type"] == "policy_denied"


@pytest.mark.parametrize(
    ("header", "path"), [("authorization", "/v1/messages"), ("x-api-key", "/v1/messages"), ("x-api-key", "/messages")]
)
def test_older_clients_and_other_base_urls_work_alike(grant: Grant, header: str, path: str) -> None:
    token = f"Bearer {grant.token}" if header == "authorization" else grant.token
    body = {"model": HAIKU, "max_tokens": 20, "messages": HELLO}
    headers = {header: token, "anthropic-version": "2023-06-01"}
    answer = httpx.post(grant.base_url("anthropic") + path, json=body, headers=headers, timeout=20)
    assert answer.status_code == 200 and answer.json()["type"] == "message"


@pytest.mark.parametrize(
    ("status", "exception"), [(400, anthropic.BadRequestError), (429, anthropic.RateLimitError), (529, anthropic.APIStatusError)]
)
def test_the_providers_own_errors_arrive_as_the_sdk_knows_them(
    grant: Grant,
    status: int,
    exception: type[anthropic.APIStatusError],
) -> None:
    with pytest.raises(exception) as refused:
        client_of(grant).messages.create(model=HAIKU, max_tokens=50, messages=[{"role": "user", "content": told(status=status)}])
    assert refused.value.status_code == status


def test_an_error_inside_a_stream_is_the_sdks_own(grant: Grant) -> None:
    broken = [{"role": "user", "content": told(error_after_chunks=3)}]
    with pytest.raises(anthropic.APIStatusError):
        list(client_of(grant).messages.create(model=HAIKU, max_tokens=50, messages=broken, stream=True))
