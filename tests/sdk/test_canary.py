"""A canary for a provider key: however the provider echoes it, it comes out nowhere."""

import base64
import itertools
import json
import secrets
import socket
from urllib.parse import quote

import httpx
import pytest

import sinks
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until


def forms_of(canary: str) -> list[bytes]:
    """The key as it is, and as dumps and encodings would show it. Base64 in all three positions of its letters."""
    plain = canary.encode()
    shifted = [base64.b64encode(b"x" * n + plain)[4:-4] for n in range(3)]
    return [plain, plain.hex().encode(), *shifted, plain[::-1], quote(canary, safe="").encode()]


def found(canary: str, data: bytes) -> bool:
    return any(form in data for form in forms_of(canary))


def calls(grant: Grant) -> list[tuple[str, str, dict]]:
    """A call at each provider, whole and as a stream, with a place for the text."""
    chat = {"model": "gpt-4o-mini", "max_completion_tokens": 400, "messages": [{"role": "user", "content": "TEXT"}]}
    claude = {"model": "claude-haiku-4-5", "max_tokens": 400, "messages": [{"role": "user", "content": "TEXT"}]}
    gemini = {"contents": [{"role": "user", "parts": [{"text": "TEXT"}]}]}
    at = grant.base_url
    asked = {"model": "gpt-4o-mini", "max_output_tokens": 400, "input": "TEXT"}
    of_all = f"{at('openai').removesuffix('/openai')}/chat/completions", chat | {"model": "openai/gpt-4o-mini"}
    flash = f"{at('google')}/v1beta/models/gemini-2.5-flash"
    return [
        ("openai", f"{at('openai')}/chat/completions", chat),
        ("openai", f"{at('openai')}/chat/completions", chat | {"stream": True}),
        ("openai", f"{at('openai')}/responses", asked),
        ("openai", f"{at('openai')}/responses", asked | {"stream": True}),
        ("openai", *of_all),
        ("openai", of_all[0], of_all[1] | {"stream": True}),
        ("anthropic", f"{at('anthropic')}/v1/messages", claude),
        ("anthropic", f"{at('anthropic')}/v1/messages", claude | {"stream": True}),
        ("google", f"{flash}:generateContent", gemini),
        ("google", f"{flash}:streamGenerateContent?alt=sse", gemini),
    ]


def send(grant: Grant, url: str, body: dict, script: dict) -> bytes:
    """All that comes back: status line, headers and body, as far as it comes."""
    text = json.dumps(told(**script))[1:-1]
    content = json.dumps(body).replace("TEXT", text).encode()
    headers = {"authorization": f"Bearer {grant.token}", "content-type": "application/json", "anthropic-version": "2023-06-01"}
    if "trailers" in script:
        return sent_raw(url, headers, content)
    came = b""
    with httpx.stream("POST", url, content=content, headers=headers, timeout=30) as answer:
        came += repr([answer.status_code, answer.reason_phrase, answer.headers.raw]).encode()
        try:
            for piece in answer.iter_bytes():
                came += piece
        except httpx.HTTPError as broken:
            came += repr(broken).encode()
    return came


def sent_raw(url: str, headers: dict[str, str], content: bytes) -> bytes:
    """All bytes that come back: HTTP clients keep trailers to themselves."""
    at = httpx.URL(url)
    fields = headers | {"host": at.netloc.decode(), "te": "trailers", "connection": "close", "content-length": str(len(content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    came = b""
    with socket.create_connection((at.host, at.port or 80), timeout=30) as connection:
        connection.sendall(f"POST {at.raw_path.decode()} HTTP/1.1\r\n{head}\r\n".encode() + content)
        while piece := connection.recv(65536):
            came += piece
    assert came.startswith(b"HTTP/1.1 200"), came
    return came


def spoken(came: bytes) -> bytes:
    """The texts of a stream one after the other: a key may be cut over several chunks."""
    text = ""
    for line in came.decode(errors="replace").splitlines():
        if line.startswith("data: {"):
            text += "".join(strings_in(json.loads(line[6:])))
    return text.encode()


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [
            text for name, inner in value.items() if name in TEXTS or not isinstance(inner, str) for text in strings_in(inner)
        ]
    if isinstance(value, list):
        return [text for inner in value for text in strings_in(inner)]
    return [value] if isinstance(value, str) else []


TEXTS = ("content", "text", "delta", "message")


@pytest.mark.parametrize(
    "script",
    [
        {"echo": True},
        {"echo": True, "chunks": 2000},
        {"echo": True, "status": 500},
        {"echo": True, "status": 429},
        {"echo": True, "status": 401},
        {"headers": {"x-leak": "{key}", "set-cookie": "k={key}"}},
        {"trailers": {"x-leak": "{key}", "x-request-id": "{key}"}},
        {"echo": True, "cut_after_chunks": 40, "chunks": 200},
    ],
    ids=str,
)
def test_a_provider_that_echoes_the_key_tells_the_app_nothing(
    organization: Organization,
    simulator: Simulator,
    script: dict,
) -> None:
    canaries = {name: f"sk-canary{secrets.token_hex(20)}" for name in ("openai", "anthropic", "google")}
    for name, canary in canaries.items():
        organization.key(name, canary)
    grant = organization.grant(*[detail(name) for name in canaries])
    for provider, url, body in calls(grant):
        came = send(grant, url, body, script)
        assert not found(canaries[provider], came), f"{url} shows the key"
        # As raw bytes an answer is in chunks, which cut its lines; trailers are in none of them.
        in_pieces = b"" if "trailers" in script else spoken(came)
        assert not found(canaries[provider], in_pieces), f"{url} shows the key in pieces"
    for canary in canaries.values():
        assert simulator.wait_for_calls(canary, 1)


def test_the_key_lies_in_no_sink(organization: Organization) -> None:
    canary = f"sk-canary{secrets.token_hex(20)}"
    with sinks.Broker() as broker:
        organization.key("openai", canary)
        _, url, body = calls(organization.grant(detail("openai"), detail("anthropic"), detail("google")))[0]
        grant = organization.grant()
        for script in ({"echo": True}, {"echo": True, "status": 500}, {"echo": True, "status": 401}):
            send(grant, url, body, script)
            send(grant, url, body | {"stream": True}, script)
        key = organization.get("/provider-keys")["items"][0]
        organization.api.post(f"/provider-keys/{key['id']}/rotate", json={"secret": canary + "b", "wrong": True})
        organization.api.post("/provider-keys", content=b'{"provider":"openai","secret":"' + canary.encode())
        until("the calls in the record", lambda: organization.get("/usage")["total"]["calls"] >= 2, seconds=60)
        seen = []
        for place, data in itertools.chain(sinks.everywhere(), broker.messages()):
            assert not found(canary, data), f"the key lies in {place}"
            seen.append(place)
    assert any("sealed_keys" in place for place in seen) and any(place.endswith(".log") for place in seen)
    for passed in ("provider_key.stored", "grant.granted", "call."):
        assert any(place.startswith(f"message {passed}") for place in seen), f"no {passed} passed the broker"


def test_the_token_lies_in_no_sink_either(organization: Organization) -> None:
    with sinks.Broker() as broker:
        grant = organization.grant()
        _, url, body = calls(organization.grant(detail("openai"), detail("anthropic"), detail("google")))[0]
        send(grant, url, body, {})
        send(grant, f"{url}?key={grant.token}", body, {})
        until("the call in the record", lambda: organization.get("/usage")["total"]["calls"] >= 1, seconds=60)
        for place, data in itertools.chain(sinks.everywhere(), broker.messages()):
            assert grant.token.encode() not in data, f"the token lies in {place}"
            assert organization.token.encode() not in data, f"the owner's token lies in {place}"
