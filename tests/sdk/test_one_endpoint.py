"""The official OpenAI SDK at the one endpoint for all providers: one base URL, and the model says who is asked."""

import openai
import pytest
from openai import OpenAI

import running
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

HELLO = [{"role": "user", "content": "Say hello to the tests."}]
CHOICES = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-flash",
}


def client_of(grant: Grant) -> OpenAI:
    return OpenAI(api_key=grant.token, base_url=f"{running.url()}/v1", max_retries=0, timeout=20)


def granted(organization: Organization) -> Grant:
    return organization.grant(*[detail(provider, capabilities=["chat", "embeddings"]) for provider in CHOICES])


@pytest.mark.parametrize(("provider", "model"), CHOICES.items())
def test_each_provider_answers_the_same_client(organization: Organization, provider: str, model: str) -> None:
    client = client_of(granted(organization))
    for named in (f"{provider}/{model}", model):
        raw = client.chat.completions.with_raw_response.create(model=named, messages=HELLO)
        answer = raw.parse()
        assert answer.choices[0].message.content and answer.usage.completion_tokens == 12
        assert (raw.headers["x-okap-provider"], raw.headers["x-okap-model"]) == (provider, model)


@pytest.mark.parametrize(("provider", "model"), CHOICES.items())
def test_each_provider_streams_to_the_same_client(organization: Organization, provider: str, model: str) -> None:
    client = client_of(granted(organization))
    chunks = list(client.chat.completions.create(model=f"{provider}/{model}", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


def test_the_provider_sees_its_own_key_and_the_name_it_knows(organization: Organization, simulator: Simulator) -> None:
    grant = granted(organization)
    client_of(grant).chat.completions.create(model="anthropic/claude-haiku-4-5", messages=HELLO)
    (call,) = simulator.wait_for_calls(organization.secrets["anthropic"], 1)
    assert (call["provider"], call["model"]) == ("anthropic", "claude-haiku-4-5")
    assert grant.token not in str(call["request_headers"])


def test_the_next_one_answers_for_one_whose_key_is_dead(organization: Organization) -> None:
    client = client_of(granted(organization))
    (key,) = (key for key in organization.get("/provider-keys")["items"] if key["provider"] == "openai")
    organization.post(f"/provider-keys/{key['id']}/rotate", {"secret": "sk-test-DEAD-0123456789abcdefghij"}, status=204)

    def answered_by_the_next() -> bool:
        raw = client.chat.completions.with_raw_response.create(
            model="openai/gpt-4o-mini",
            messages=HELLO,
            extra_body={"models": ["anthropic/claude-haiku-4-5"]},
        )
        assert raw.parse().choices[0].message.content
        return raw.headers["x-okap-provider"] == "anthropic"

    until("an answer of the next, once every proxy has the dead key", answered_by_the_next)


def test_the_organizations_alias_stands_for_what_is_granted_of_it(organization: Organization) -> None:
    candidates = [{"model": "groq/llama-3.1-8b-instant"}, {"model": "anthropic/claude-haiku-4-5"}]
    organization.post("/model-aliases", {"name": "fast", "strategy": "round_robin", "candidates": candidates})
    client = client_of(granted(organization))
    for _ in range(2):
        raw = client.chat.completions.with_raw_response.create(model="fast", messages=HELLO)
        assert raw.parse().choices[0].message.content
        assert raw.headers["x-okap-model"] == "claude-haiku-4-5"
    assert client.models.retrieve("fast").owned_by == "latchkey"
    assert "fast" in [model.id for model in client.models.list()]


def test_a_failure_without_an_alternative_is_told_in_openais_shape(organization: Organization) -> None:
    broken = [{"role": "user", "content": told(status=500)}]
    with pytest.raises(openai.InternalServerError) as failed:
        client_of(granted(organization)).chat.completions.create(model="google/gemini-2.5-flash", messages=broken)
    assert failed.value.response.headers["x-okap-provider"] == "google"


def test_what_is_not_granted_is_refused_by_name(organization: Organization, simulator: Simulator) -> None:
    client = client_of(organization.grant(detail(models=["gpt-4o-mini"])))
    for model in ("openai/gpt-4o", "gpt-4o"):
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(model=model, messages=HELLO)
        assert (refused.value.type, refused.value.param) == ("model_not_granted", "model")
        assert "openai/gpt-4o-mini" in str(refused.value)
    assert simulator.calls_with(organization.secrets["openai"]) == []


def test_embeddings_and_responses_go_through_the_same_client(organization: Organization) -> None:
    client = client_of(granted(organization))
    vectors = client.embeddings.create(model="openai/text-embedding-3-small", input=["one", "two"])
    assert len(vectors.data) == 2
    answer = client.responses.create(model="openai/gpt-5-mini", input="Say hello.", max_output_tokens=200)
    assert answer.output_text


def test_models_are_listed_over_all_providers(organization: Organization) -> None:
    client = client_of(granted(organization))
    named = [model.id for model in client.models.list()]
    assert {f"{provider}/{model}" for provider, model in CHOICES.items()} <= set(named)
    assert client.models.retrieve("openai/gpt-4o-mini").id == "openai/gpt-4o-mini"
