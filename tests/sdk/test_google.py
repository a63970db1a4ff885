"""The official Google GenAI SDK through the vault: nothing changed but key and base URL."""

import httpx
import pytest
from google import genai
from google.genai import errors, types

from simulator import Simulator, told
from vault import Grant, Organization, detail

FLASH = "gemini-2.5-flash"


def client_of(grant: Grant, version: str | None = None) -> genai.Client:
    """A client closes its connections when nobody holds it any more, so every test keeps its own."""
    options = types.HttpOptions(base_url=grant.base_url("google"), api_version=version, timeout=20_000)
    return genai.Client(api_key=grant.token, http_options=options)


@pytest.fixture
def grant(organization: Organization) -> Grant:
    return organization.grant(detail("google", capabilities=["chat", "embeddings"]))


@pytest.mark.parametrize("version", [None, "v1", "v1beta"])
def test_content_is_generated_in_every_version_of_the_api(grant: Grant, version: str | None) -> None:
    client = client_of(grant, version)
    answer = client.models.generate_content(model=FLASH, contents="Say hello.")
    assert answer.text and answer.usage_metadata.candidates_token_count == 12


def test_content_comes_as_a_stream(grant: Grant) -> None:
    client = client_of(grant)
    chunks = list(client.models.generate_content_stream(model=FLASH, contents="Say hello."))
    assert len(chunks) > 1 and "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].usage_metadata.candidates_token_count == 12


def test_the_provider_sees_its_own_key_and_never_the_token(
    organization: Organization,
    grant: Grant,
    simulator: Simulator,
) -> None:
    client = client_of(grant)
    client.models.generate_content(model=FLASH, contents="Say hello.")
    (call,) = simulator.wait_for_calls(organization.secrets["google"], 1)
    assert (call["provider"], call["model"]) == ("google", FLASH)
    assert grant.token not in str(call["request_headers"])


def test_tokens_are_counted_and_texts_embedded(grant: Grant) -> None:
    client = client_of(grant)
    assert client.models.count_tokens(model=FLASH, contents="Say hello.").total_tokens > 0
    answer = client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"])
    assert len(answer.embeddings) == 2


def test_a_model_outside_the_grant_is_refused(organization: Organization) -> None:
    granted = organization.grant(detail("google", models=[FLASH]))
    client = client_of(granted)
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="gemini-2.5-pro", contents="Say hello.")
    assert (refused.value.code, refused.value.status) == (403, "PERMISSION_DENIED")
    assert refused.value.details["error"]["type"] == "model_not_granted"


def test_the_token_may_travel_in_the_query_and_goes_no_further(
    organization: Organization,
    grant: Grant,
    simulator: Simulator,
) -> None:
    url = f"{grant.base_url('google')}/v1beta/models/{FLASH}:generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
    assert httpx.post(url, params={"key": grant.token}, json=body, timeout=20).status_code == 200
    (call,) = simulator.wait_for_calls(organization.secrets["google"], 1)
    assert grant.token not in str(call)


@pytest.mark.parametrize(("status", "exception"), [(429, errors.ClientError), (503, errors.ServerError)])
def test_the_providers_own_errors_arrive_as_the_sdk_knows_them(
    grant: Grant,
    status: int,
    exception: type[errors.APIError],
) -> None:
    client = client_of(grant)
    with pytest.raises(exception) as refused:
        client.models.generate_content(model=FLASH, contents=told(status=status))
    assert refused.value.code == status
