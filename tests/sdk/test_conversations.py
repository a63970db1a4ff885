"""What apps do most, with each official SDK: chat, streams, tools and pictures. These tests hold against our simulator and
against a server of the providers' APIs that others wrote; so they ask in words that both know (tests/node/stand_in.json)."""

import base64
import json
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
from waiting import until

MINI, HAIKU, FLASH = "gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-flash"
COUNT = "Count to ten"
LOOK = "What is in this picture?"
# What the simulator calls a tool with is told in the question; the stand-in knows it from its own file.
WEATHER = "How is the weather? " + told(tool_input={"city": "Oslo"})
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# One red pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
DATA_URL = f"data:image/png;base64,{PIXEL}"


def openai_of(grant: Grant) -> OpenAI:
    return OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0, timeout=20)


def anthropic_of(grant: Grant) -> Anthropic:
    return Anthropic(api_key=grant.token, base_url=grant.base_url("anthropic"), max_retries=0, timeout=20)


def google_of(grant: Grant) -> genai.Client:
    # The one version that the stand-in has; test_google.py tries the others.
    options = types.HttpOptions(base_url=grant.base_url("google"), api_version="v1beta", timeout=20_000)
    return genai.Client(api_key=grant.token, http_options=options)


def seeing(organization: Organization, provider: str) -> Grant:
    return organization.grant(detail(provider, capabilities=["chat", "vision"]))


def records(organization: Organization, count: int) -> list[dict]:
    """The records of the calls, newest first, once there are so many."""

    def enough() -> list[dict] | None:
        calls = organization.get("/usage/calls")["items"]
        return calls if len(calls) >= count else None

    calls = until(f"{count} calls in the usage record", enough)
    assert len(calls) == count
    return calls


def measured(organization: Organization, tokens: tuple[int, int], count: int = 1) -> None:
    """The newest call is charged for as many tokens as its SDK was told."""
    call = records(organization, count)[0]
    assert call["measurement"] == "measured" and float(call["cost"]) > 0
    assert (call["tokens"]["input"], call["tokens"]["output"]) == tokens


def test_openai_chats_and_streams(organization: Organization) -> None:
    client = openai_of(organization.grant())
    asked = {"model": MINI, "messages": [{"role": "user", "content": COUNT}]}
    answer = client.chat.completions.create(**asked)
    measured(organization, (answer.usage.prompt_tokens, answer.usage.completion_tokens))
    *content, last = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    text = "".join(chunk.choices[0].delta.content or "" for chunk in content)
    assert text and text == answer.choices[0].message.content
    measured(organization, (last.usage.prompt_tokens, last.usage.completion_tokens), count=2)


def test_anthropic_chats_and_streams(organization: Organization) -> None:
    client = anthropic_of(organization.grant(detail("anthropic")))
    asked = {"model": HAIKU, "max_tokens": 200, "messages": [{"role": "user", "content": COUNT}]}
    answer = client.messages.create(**asked)
    measured(organization, (answer.usage.input_tokens, answer.usage.output_tokens))
    with client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and text == answer.content[0].text
    measured(organization, (final.usage.input_tokens, final.usage.output_tokens), count=2)


def test_google_chats_and_streams(organization: Organization) -> None:
    client = google_of(organization.grant(detail("google")))
    answer = client.models.generate_content(model=FLASH, contents=COUNT)
    usage = answer.usage_metadata
    measured(organization, (usage.prompt_token_count, usage.candidates_token_count))
    chunks = client.models.generate_content_stream(model=FLASH, contents=COUNT)
    assert answer.text and "".join(chunk.text or "" for chunk in chunks) == answer.text
    assert records(organization, 2)[0]["stream"]


@pytest.mark.parametrize("streams", [False, True])
def test_openai_calls_tools(organization: Organization, streams: bool) -> None:
    client = openai_of(organization.grant())
    tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}]
    messages: list = [{"role": "user", "content": WEATHER}]

    def ask() -> openai.types.chat.ChatCompletionMessage:
        if not streams:
            return client.chat.completions.create(model=MINI, messages=messages, tools=tools).choices[0].message
        with client.chat.completions.stream(model=MINI, messages=messages, tools=tools) as stream:
            return stream.get_final_completion().choices[0].message

    asked = ask()
    (call,) = asked.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
    messages += [asked.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"}]
    answer = ask()
    assert "4 degrees" in answer.content and not answer.tool_calls
    assert [call["stream"] for call in records(organization, 2)] == [streams, streams]


@pytest.mark.parametrize("streams", [False, True])
def test_openai_responses_call_tools(organization: Organization, streams: bool) -> None:
    client = openai_of(organization.grant())
    tools = [{"type": "function", "name": "weather", "parameters": CITY, "strict": True}]
    said: list = [{"role": "user", "content": WEATHER}]

    def ask() -> openai.types.responses.Response:
        if not streams:
            return client.responses.create(model=MINI, input=said, tools=tools)
        with client.responses.stream(model=MINI, input=said, tools=tools) as stream:
            return stream.get_final_response()

    (call,) = ask().output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Oslo"})
    said.append({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments})
    said.append({"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"})
    assert "4 degrees" in ask().output_text
    assert [call["stream"] for call in records(organization, 2)] == [streams, streams]


@pytest.mark.parametrize("streams", [False, True])
def test_anthropic_calls_tools(organization: Organization, streams: bool) -> None:
    client = anthropic_of(organization.grant(detail("anthropic")))
    messages: list = [{"role": "user", "content": WEATHER}]
    asked = {"model": HAIKU, "max_tokens": 200, "tools": [{"name": "weather", "input_schema": CITY}], "messages": messages}

    def ask() -> anthropic.types.Message:
        if not streams:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()

    first = ask()
    (use,) = [part for part in first.content if part.type == "tool_use"]
    assert (first.stop_reason, use.name, use.input) == ("tool_use", "weather", {"city": "Oslo"})
    messages.append({"role": "assistant", "content": first.content})
    messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "4 degrees"}]})
    assert "4 degrees" in ask().content[0].text
    assert [call["stream"] for call in records(organization, 2)] == [streams, streams]


@pytest.mark.parametrize("streams", [False, True])
def test_google_calls_tools(organization: Organization, streams: bool) -> None:
    client = google_of(organization.grant(detail("google")))
    weather = types.FunctionDeclaration(name="weather", parameters_json_schema=CITY)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])])
    contents = [types.Content(role="user", parts=[types.Part(text=WEATHER)])]

    def ask() -> list[types.Part]:
        asked = {"model": FLASH, "contents": contents, "config": config}
        answers = client.models.generate_content_stream(**asked) if streams else [client.models.generate_content(**asked)]
        return [part for answer in answers for part in answer.candidates[0].content.parts]

    first = ask()
    (call,) = [part.function_call for part in first if part.function_call]
    assert (call.name, call.args) == ("weather", {"city": "Oslo"})
    response = types.FunctionResponse(id=call.id, name=call.name, response={"output": "4 degrees"})
    contents.append(types.Content(role="model", parts=first))
    contents.append(types.Content(role="user", parts=[types.Part(function_response=response)]))
    assert "4 degrees" in "".join(part.text or "" for part in ask())
    assert [call["stream"] for call in records(organization, 2)] == [streams, streams]


def openai_looks(grant: Grant) -> tuple[str, tuple[int, int]]:
    content = [{"type": "text", "text": LOOK}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
    answer = openai_of(grant).chat.completions.create(model=MINI, messages=[{"role": "user", "content": content}])
    return answer.choices[0].message.content, (answer.usage.prompt_tokens, answer.usage.completion_tokens)


def responses_look(grant: Grant) -> tuple[str, tuple[int, int]]:
    content = [{"type": "input_text", "text": LOOK}, {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}]
    answer = openai_of(grant).responses.create(model=MINI, input=[{"role": "user", "content": content}])
    return answer.output_text, (answer.usage.input_tokens, answer.usage.output_tokens)


def anthropic_looks(grant: Grant) -> tuple[str, tuple[int, int]]:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": LOOK}]
    messages = [{"role": "user", "content": content}]
    answer = anthropic_of(grant).messages.create(model=HAIKU, max_tokens=200, messages=messages)
    return answer.content[0].text, (answer.usage.input_tokens, answer.usage.output_tokens)


def google_looks(grant: Grant) -> tuple[str, tuple[int, int]]:
    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    # A client closes its connections when nobody holds it any more.
    client = google_of(grant)
    answer = client.models.generate_content(model=FLASH, contents=[picture, LOOK])
    return answer.text, (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count)


LOOKING = [("openai", openai_looks), ("openai", responses_look), ("anthropic", anthropic_looks), ("google", google_looks)]
Looks = Callable[[Grant], tuple[str, tuple[int, int]]]


@pytest.mark.parametrize(("provider", "looks"), LOOKING)
def test_a_picture_is_looked_at_and_charged(organization: Organization, provider: str, looks: Looks) -> None:
    text, tokens = looks(seeing(organization, provider))
    assert text
    measured(organization, tokens)


@pytest.mark.parametrize(("provider", "looks"), LOOKING)
def test_a_picture_needs_its_capability(organization: Organization, provider: str, looks: Looks) -> None:
    with pytest.raises((openai.PermissionDeniedError, anthropic.PermissionDeniedError, errors.ClientError)) as refused:
        looks(organization.grant(detail(provider)))
    assert "`vision` is not granted" in str(refused.value)
    assert organization.get("/usage/calls")["items"] == []
