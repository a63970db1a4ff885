"""Answers that are given again, as the official SDKs read them."""

from collections.abc import Callable

import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

import running
from simulator import Simulator
from vault import Grant, Organization, detail

KEPT = {"x-okap-cache": "max-age=600"}
HELLO = [{"role": "user", "content": "Say it again."}]


@pytest.fixture
def grant(organization: Organization) -> Grant:
    policy = {name: value for name, value in organization.get("/policy").items() if name != "changed_at"}
    answer = organization.api.put("/policy", json=policy | {"response_cache": "allowed"})
    assert answer.status_code == 200, answer.text
    return organization.grant(detail(), detail("anthropic"))


def at(grant: Grant, provider: str) -> dict:
    """Always the same proxy: each keeps its own answers."""
    return {"base_url": grant.base_url(provider, running.proxy_urls()[0]), "max_retries": 0, "timeout": 20}


def app_of(grant: Grant) -> OpenAI:
    return OpenAI(api_key=grant.token, **at(grant, "openai"))


def whole(grant: Grant) -> tuple[str, str]:
    raw = app_of(grant).chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=HELLO, extra_headers=KEPT)
    return raw.headers["x-okap-cache"], raw.parse().choices[0].message.content


def stream(grant: Grant) -> tuple[str, str]:
    raw = app_of(grant).chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=HELLO, stream=True, extra_headers=KEPT
    )
    return raw.headers["x-okap-cache"], "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse())


def message(grant: Grant) -> tuple[str, str]:
    app = Anthropic(api_key=grant.token, **at(grant, "anthropic"))
    with app.messages.stream(model="claude-haiku-4-5", max_tokens=50, messages=HELLO, extra_headers=KEPT) as answer:
        return answer.response.headers["x-okap-cache"], answer.get_final_text()


@pytest.mark.parametrize("call", [whole, stream, message])
def test_the_same_answer_comes_again_and_nobody_is_asked(
    call: Callable[[Grant], tuple[str, str]], grant: Grant, organization: Organization, simulator: Simulator
) -> None:
    told, first = call(grant)
    assert told == "miss" and first
    assert call(grant) == ("hit", first)
    provider = "anthropic" if call is message else "openai"
    assert len(simulator.wait_for_calls(organization.secrets[provider], 1)) == 1


def test_a_malformed_wish_is_the_sdks_own_error(grant: Grant) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        app_of(grant).chat.completions.create(model="gpt-4o-mini", messages=HELLO, extra_headers={"x-okap-cache": "yes"})
    assert (refused.value.type, refused.value.param) == ("request_invalid", "x-okap-cache")
