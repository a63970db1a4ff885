"""An SDK that may try again, as it does unless told otherwise, asks once when there is no money left."""

from collections.abc import Callable

import anthropic
import openai
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from openai import OpenAI

from simulator import told
from vault import Grant, Organization, detail

HELLO = [{"role": "user", "content": "Say hello to the tests."}]
# For each of these calls more is held.
NEARLY_NOTHING = {"monthly_spend": 0.0001}

# Called with every request that an SDK sends, the repeated ones too.
Hooks = dict[str, list[Callable]]


def openai_chat(grant: Grant, hooks: Hooks, **more: bool) -> int:
    http = openai.DefaultHttpxClient(event_hooks=hooks)
    client = OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), http_client=http)
    assert client.max_retries > 0
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, **more)
    assert refused.value.type == "spend_limit_exceeded"
    return refused.value.status_code


def openai_responses(grant: Grant, hooks: Hooks) -> int:
    http = openai.DefaultHttpxClient(event_hooks=hooks)
    client = OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), http_client=http)
    with pytest.raises(openai.APIStatusError) as refused:
        client.responses.create(model="gpt-4o-mini", input="Say hello to the tests.")
    return refused.value.status_code


def anthropic_messages(grant: Grant, hooks: Hooks, **more: bool) -> int:
    http = anthropic.DefaultHttpxClient(event_hooks=hooks)
    client = Anthropic(api_key=grant.token, base_url=grant.base_url("anthropic"), http_client=http)
    assert client.max_retries > 0
    with pytest.raises(anthropic.APIStatusError) as refused:
        client.messages.create(model="claude-haiku-4-5", max_tokens=200, messages=HELLO, **more)
    assert refused.value.body["error"]["type"] == "spend_limit_exceeded"
    return refused.value.status_code


def google_content(grant: Grant, hooks: Hooks) -> int:
    # This SDK tries again only where an app wants it: here with what it then takes for good.
    options = types.HttpOptions(
        base_url=grant.base_url("google"),
        client_args={"event_hooks": hooks},
        retry_options=types.HttpRetryOptions(),
    )
    client = genai.Client(api_key=grant.token, http_options=options)
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="gemini-2.5-flash", contents="Say hello.")
    assert refused.value.details["error"]["type"] == "spend_limit_exceeded"
    return refused.value.code


def streamed(ask: Callable[..., int]) -> Callable[[Grant, Hooks], int]:
    return lambda grant, hooks: ask(grant, hooks, stream=True)


@pytest.mark.parametrize(
    ("provider", "ask"),
    [
        pytest.param("openai", openai_chat, id="openai"),
        pytest.param("openai", streamed(openai_chat), id="openai-stream"),
        pytest.param("openai", openai_responses, id="openai-responses"),
        pytest.param("anthropic", anthropic_messages, id="anthropic"),
        pytest.param("anthropic", streamed(anthropic_messages), id="anthropic-stream"),
        pytest.param("google", google_content, id="google"),
    ],
)
def test_a_call_that_the_limit_does_not_allow_is_sent_once(
    organization: Organization,
    provider: str,
    ask: Callable[[Grant, Hooks], int],
) -> None:
    sent: list = []
    grant = organization.grant(detail(provider, limits=NEARLY_NOTHING))
    assert ask(grant, {"request": [sent.append]}) == 402
    assert len(sent) == 1


def test_what_is_worth_another_try_is_sent_again(organization: Organization) -> None:
    """Sends that are repeated do count: without this, one send would prove nothing."""
    sent: list = []
    grant = organization.grant()
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    client = OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), http_client=http)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": told(status=503)}])
    assert len(sent) == 1 + client.max_retries
