"""The apps: what they do with the published SDKs, nothing changed but key and base URL."""

import threading
from concurrent.futures import Future

import anthropic
import openai
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from okap import OkapClient, OkapToken
from openai import OpenAI

from told import Broken

HELLO = [{"role": "user", "content": "Say hello to Alice."}]
HAIKU, FLASH = "claude-haiku-4-5", "gemini-2.5-flash"


def ask(address: str, app: str, provider: str, **wanted: object) -> OkapToken:
    """The released `okap` SDK asks for access, and waits until it is answered."""
    with OkapClient(address, app_name=app, app_url="https://robot.example") as client:
        return client.request_access(provider, **wanted)


def ask_meanwhile(address: str, app: str, provider: str, **wanted: object) -> "Future[OkapToken]":
    """The same in the background, while somebody decides."""
    answer: Future[OkapToken] = Future()

    def run() -> None:
        try:
            answer.set_result(ask(address, app, provider, **wanted))
        except Exception as refused:
            answer.set_exception(refused)

    threading.Thread(target=run, daemon=True).start()
    return answer


def openai_of(token: OkapToken) -> OpenAI:
    return OpenAI(api_key=token.token, base_url=token.base_url, max_retries=0)


def anthropic_of(token: OkapToken) -> Anthropic:
    return Anthropic(api_key=token.token, base_url=token.base_url, max_retries=0)


def google_of(token: OkapToken) -> genai.Client:
    return genai.Client(api_key=token.token, http_options=types.HttpOptions(base_url=token.base_url))


def call_openai(token: OkapToken) -> str:
    client = openai_of(token)
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    stream = list(client.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True))
    answered = client.responses.create(model="gpt-4o-mini", input="Say hello.", max_output_tokens=100)
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["hello", "Alice"]).data
    text = whole.choices[0].message.content or ""
    return f"chat “{text[:28]}…”, streamed in {len(stream)} chunks, responses {len(answered.output_text)} characters, {len(vectors)} embeddings"


def call_anthropic(token: OkapToken) -> str:
    client = anthropic_of(token)
    whole = client.messages.create(model=HAIKU, max_tokens=100, messages=HELLO)
    with client.messages.stream(model=HAIKU, max_tokens=100, messages=HELLO) as stream:
        events = sum(1 for _ in stream)
        final = stream.get_final_message()
    text = whole.content[0].text if whole.content[0].type == "text" else ""
    return f"message “{text[:28]}…”, streamed in {events} events with {final.usage.output_tokens} output tokens"


def call_google(token: OkapToken) -> str:
    client = google_of(token)
    whole = client.models.generate_content(model=FLASH, contents="Say hello to Alice.")
    stream = list(client.models.generate_content_stream(model=FLASH, contents="Say hello to Alice."))
    return f"content “{(whole.text or '')[:28]}…”, streamed in {len(stream)} chunks"


def refused_by_openai(token: OkapToken, model: str = "gpt-4o-mini") -> tuple[str, str]:
    """The SDK's own exception, in words, and its OKAP type."""
    try:
        openai_of(token).chat.completions.create(model=model, messages=HELLO, max_completion_tokens=100)
    except openai.APIStatusError as error:
        return _named(error, error.status_code, str(error.type)), str(error.type)
    raise Broken(f"openai: {model} was served")


def refused_by_anthropic(token: OkapToken, model: str = HAIKU) -> tuple[str, str]:
    try:
        anthropic_of(token).messages.create(model=model, messages=HELLO, max_tokens=100)
    except anthropic.APIStatusError as error:
        kind = error.body["error"]["type"] if isinstance(error.body, dict) else ""
        return _named(error, error.status_code, kind), kind
    raise Broken(f"anthropic: {model} was served")


def refused_by_google(token: OkapToken, model: str = FLASH) -> tuple[str, str]:
    client = google_of(token)
    try:
        client.models.generate_content(model=model, contents="Say hello.")
    except errors.APIError as error:
        kind = error.details["error"]["type"]
        return _named(error, error.code, kind), kind
    raise Broken(f"google: {model} was served")


def spend_until_refused(token: OkapToken) -> tuple[int, str, str]:
    """Calls until the limit is reached: how many were served, and the refusal."""
    for served in range(50):
        try:
            openai_of(token).chat.completions.create(model="gpt-4o-mini", messages=HELLO, max_completion_tokens=100)
        except openai.APIStatusError as error:
            why = error.body if isinstance(error.body, dict) else {}
            return served, f"{_named(error, error.status_code, str(error.type))}: {why.get('message')}", str(error.type)
    raise Broken("50 calls were served against a tiny limit")


def _named(error: Exception, status: int | None, kind: str) -> str:
    return f"{type(error).__module__.split('.')[0]}.{type(error).__qualname__} {status} {kind}"
