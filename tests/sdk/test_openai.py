"""The official OpenAI SDK through the vault: nothing changed but key and base URL."""

import asyncio
import time

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

HELLO = [{"role": "user", "content": "Say hello to the tests."}]


def client_of(grant: Grant) -> OpenAI:
    return OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0, timeout=20)


def test_a_chat_answer_comes_with_its_usage_and_what_is_left(organization: Organization) -> None:
    raw = client_of(organization.grant()).chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HELLO)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 12
    assert raw.headers["x-okap-request-id"]
    assert 0 < float(raw.headers["x-okap-spend-remaining"]) <= 5
    assert "RateLimit" in raw.headers and "RateLimit-Policy" in raw.headers


def test_the_provider_sees_its_own_key_and_never_the_token(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()
    client_of(grant).chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    (call,) = simulator.wait_for_calls(organization.secrets["openai"], 1)
    assert call["provider"] == "openai" and call["model"] == "gpt-4o-mini"
    assert grant.token not in str(call["request_headers"])


def test_a_stream_hides_the_usage_that_was_not_asked_for(organization: Organization, simulator: Simulator) -> None:
    stream = client_of(organization.grant()).chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True)
    chunks = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    (served,) = simulator.wait_for_calls(organization.secrets["openai"], 1)

    def recorded() -> dict | None:
        calls = organization.get("/usage/calls")["items"]
        return calls[0] if calls else None

    call = until("the stream in the usage record", recorded)
    assert (call["measurement"], call["stream"]) == ("measured", True)
    assert call["tokens"]["output"] == served["output_tokens"] == 12


def test_a_stream_shows_the_usage_that_was_asked_for(organization: Organization) -> None:
    stream = client_of(organization.grant()).chat.completions.create(
        model="gpt-4o-mini",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    *content, last = list(stream)
    assert all(chunk.usage is None for chunk in content)
    assert last.choices == [] and last.usage.completion_tokens == 12


def test_a_stream_arrives_as_it_is_made(organization: Organization) -> None:
    slow = [{"role": "user", "content": told(chunks=12, chunk_delay_ms=100)}]
    stream = client_of(organization.grant()).chat.completions.create(model="gpt-4o-mini", messages=slow, stream=True)
    arrivals = [time.monotonic() for chunk in stream if chunk.choices[0].delta.content]
    assert len(arrivals) == 12 and arrivals[-1] - arrivals[0] > 0.8


def test_a_stream_that_the_provider_breaks_off_ends_with_an_error(organization: Organization) -> None:
    broken = [{"role": "user", "content": told(cut_after_chunks=3)}]
    with pytest.raises((openai.APIError, httpx2.HTTPError)):
        list(client_of(organization.grant()).chat.completions.create(model="gpt-4o-mini", messages=broken, stream=True))


def test_the_stream_helper_of_the_sdk_puts_the_answer_together(organization: Organization) -> None:
    with client_of(organization.grant()).chat.completions.stream(model="gpt-4o-mini", messages=HELLO) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content


def test_responses_come_whole_and_as_a_stream(organization: Organization) -> None:
    client = client_of(organization.grant())
    answer = client.responses.create(model="gpt-5-mini", input="Say hello.", max_output_tokens=200)
    assert answer.output_text and answer.usage.output_tokens == 12
    events = list(client.responses.create(model="gpt-5-mini", input="Say hello.", max_output_tokens=200, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed" and events[-1].response.usage.output_tokens == 12


def test_embeddings_need_their_capability(organization: Organization) -> None:
    granted = organization.grant(detail(capabilities=["embeddings"]))
    answer = client_of(granted).embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) == 1536
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client_of(granted).chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert refused.value.type == "capability_not_granted"


def test_models_are_listed(organization: Organization) -> None:
    assert "gpt-4o-mini" in [model.id for model in client_of(organization.grant()).models.list()]


def test_a_model_outside_the_grant_is_refused_and_told_what_is_inside(organization: Organization, simulator: Simulator) -> None:
    client = client_of(organization.grant(detail(models=["gpt-4o-mini"])))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (refused.value.status_code, refused.value.type, refused.value.param) == (403, "model_not_granted", "model")
    assert "gpt-4o-mini" in str(refused.value)
    assert simulator.calls_with(organization.secrets["openai"]) == []


def test_a_prefix_covers_what_begins_so(organization: Organization) -> None:
    client = client_of(organization.grant(detail(models=["gpt-4o*"])))
    assert client.chat.completions.create(model="gpt-4o-mini", messages=HELLO).choices
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="gpt-5-mini", messages=HELLO)


def test_a_key_that_the_provider_refuses_is_told_to_app_and_owner(organization: Organization) -> None:
    grant = organization.grant()
    key = organization.get("/provider-keys")["items"][0]["id"]
    organization.post(f"/provider-keys/{key}/rotate", {"secret": f"sk-test-DEAD-{organization.tenant}"}, status=204)

    def refusal() -> tuple[int, str] | None:
        try:
            client_of(grant).chat.completions.create(model="gpt-4o-mini", messages=HELLO)
        except openai.APIStatusError as error:
            return error.status_code, error.type
        return None

    assert until("a call with the dead key", refusal) == (424, "provider_key_invalid")
    until("the key shown as invalid", lambda: organization.get("/provider-keys")["items"][0]["health"] == "invalid")


@pytest.mark.parametrize(
    ("status", "exception"),
    [
        (400, openai.BadRequestError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_the_providers_own_errors_arrive_as_the_sdk_knows_them(
    organization: Organization,
    status: int,
    exception: type[openai.APIStatusError],
) -> None:
    client = client_of(organization.grant())
    with pytest.raises(exception) as refused:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": told(status=status)}])
    assert refused.value.status_code == status


@pytest.mark.parametrize("token", ["okap_" + "A" * 49, "okap_short", "sk-something-else", "lk_nothing"])
def test_what_is_no_token_of_a_grant_is_an_authentication_error(organization: Organization, token: str) -> None:
    grant = organization.grant()
    client = OpenAI(api_key=token, base_url=grant.base_url("openai"), max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert refused.value.type == "token_invalid"


def test_many_calls_of_the_async_client_share_connections(organization: Organization, simulator: Simulator) -> None:
    grant = organization.grant()

    async def ask_ten() -> list[str | None]:
        async with AsyncOpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0) as client:
            calls = [client.chat.completions.create(model="gpt-4o-mini", messages=HELLO) for _ in range(10)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*calls)]

    assert all(asyncio.run(ask_ten()))
    assert len(simulator.wait_for_calls(organization.secrets["openai"], 10)) == 10
