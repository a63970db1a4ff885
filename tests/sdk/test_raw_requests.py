"""Requests that no HTTP library would send: paths with tricks in them, and bytes that are no HTTP."""

import os
import socket
import time
from urllib.parse import urlsplit

import pytest

import running
from simulator import Simulator
from vault import Grant, Organization

BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi."}]}'


def exchange(raw: bytes, address: str | None = None, *, hang_up: bool = False) -> bytes:
    """Sends bytes to the vault and reads until it closes. Who hangs up after the last byte need not be answered."""
    at = urlsplit(address or running.url())
    answer = b""
    with socket.create_connection((at.hostname, at.port), timeout=10) as line:
        try:
            line.sendall(raw)
            if hang_up:
                line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                answer += piece
        except OSError as closed:
            if isinstance(closed, TimeoutError):
                raise
    return answer


def status_of(answer: bytes) -> int:
    """Of the one answer; 0 when the line was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def request(method: str, path: str, token: str, body: bytes = BODY, extra: str = "") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(running.url()).netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{extra}\r\n"
    )
    return head.encode("latin-1") + body


PATHS = [
    "/v1/openai/../anthropic/messages",
    "/v1/openai/chat/../chat/completions",
    "/v1/openai/chat%2fcompletions",
    "/v1//openai/chat/completions",
    "/v1/openai//chat/completions",
    "/v1/openai/chat/completions/",
    "/v1/openai/./chat/completions",
    "/v1/openai/%2e%2e/chat/completions",
    "/V1/openai/chat/completions",
    "/v1/OpenAI/chat/completions",
    "/v1/openai/Chat/Completions",
    "/v1/openai/chat/completions%00",
    "/v1/openai/chat/completions;x=1",
    "/v1/openai/chat/completions%3Fx",
    "/v1/openai\\chat\\completions",
    "/v1/openai/files",
    "/v1/openai/fine_tuning/jobs",
    "/v1/openai/images/generations",
    "/v1/openai/organization/usage",
    "/v1/nobody/chat/completions",
    "/v1/openai",
    "/v1/",
    "/v1/openai/",
    "/v1/google/v1beta/models/gemini-2.5-flash/../gpt:generateContent",
    "/v1/google/v1beta/models/..%2f..%2fkeys:generateContent",
    "/v1/google/v2/models/gemini-2.5-flash:generateContent",
    "/v1/google/v1beta/models/gemini-2.5-flash:deleteAll",
    "/v1/anthropic/v1/v1/messages",
    "/%76%31/openai/chat/completions",
    "//v1/openai/chat/completions",
    "/v1/openai/chat/completions/../../../../api/v1/grants",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_outside_the_table_reaches_no_provider(organization: Organization, simulator: Simulator, path: str) -> None:
    grant: Grant = organization.grant()
    for address in [None, *running.proxy_urls()]:
        assert status_of(exchange(request("POST", path, grant.token), address)) in (400, 404, 405, 414)
    assert simulator.calls_with(organization.secrets["openai"]) == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../v1/grants",
        "/api/v1/grants/..%2fprovider-keys",
        "//api/v1/grants",
        "/api//v1/grants",
        "/api/v1/grants/",
        "/API/v1/grants",
        "/api/v1/grants%20",
        "/api/v1/nothing",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/.env",
        "/inbox%00",
    ],
)
def test_a_path_outside_the_api_is_not_found(organization: Organization, path: str) -> None:
    answer = exchange(request("GET", path, organization.token, b""))
    assert status_of(answer) in (400, 404), answer[:200]
    assert b"root:" not in answer and b"[package]" not in answer


@pytest.mark.skipif(os.environ.get("LATCHKEY_MODE") != "split", reason="there is no gateway in front of a single process")
def test_the_gateway_keeps_the_numbers_of_the_services_to_itself(organization: Organization) -> None:
    assert status_of(exchange(request("GET", "/metrics", organization.token, b""))) == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/openai/chat/completions"),
        ("DELETE", "/v1/openai/models/gpt-4o-mini"),
        ("PUT", "/api/v1/grants"),
        ("TRACE", "/api/v1/grants"),
        ("BREW", "/inbox"),
        ("CONNECT", "/v1/openai/chat/completions"),
        ("post", "/v1/openai/chat/completions"),
    ],
)
def test_a_method_that_is_not_offered_is_refused(organization: Organization, method: str, path: str) -> None:
    assert status_of(exchange(request(method, path, organization.token))) in (400, 401, 404, 405, 501)


NOT_HTTP = {
    "nothing": b"",
    "noise": bytes(range(256)) * 8,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "a long line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    "no host": b"GET /inbox HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /inbox\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "two hosts": b"GET /inbox HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("raw", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_bytes_that_are_no_request_hurt_nobody(organization: Organization, raw: bytes) -> None:
    for address in [None, *running.proxy_urls()]:
        # 505 is what RFC 9110 section 15.6.6 asks for, of another version of HTTP.
        assert status_of(exchange(raw, address, hang_up=True)) in (0, *range(200, 500), 505)
    assert organization.get("/session")["via"] == "api_token"


def head(token: str, lines: str) -> bytes:
    return (
        f"POST /v1/openai/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n{lines}\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", b"12345"),
        ("Content-Length: -1\r\n", b""),
        ("Content-Length: 99999999999999999999\r\n", b"{}"),
        ("Transfer-Encoding: gzip\r\n", b"x"),
        ("Transfer-Encoding: chunked\r\n", b"ZZ\r\n"),
        ("Transfer-Encoding: chunked\r\n", b'5\r\n{"mod'),
        ("Content-Length: 500\r\n", b'{"model":'),
    ],
    ids=lambda case: str(case)[:40].strip(),
)
def test_a_body_of_no_clear_length_is_no_call(organization: Organization, simulator: Simulator, lines: str, body: bytes) -> None:
    grant = organization.grant()
    for address in [None, *running.proxy_urls()]:
        assert status_of(exchange(head(grant.token, lines) + body, address, hang_up=True)) in (0, 400, 408, 411, 413, 501)
    assert simulator.calls_with(organization.secrets["openai"]) == []


def test_several_tokens_are_no_token(organization: Organization, other_organization: Organization) -> None:
    mine, other = organization.grant().token, other_organization.grant().token
    answer = exchange(request("POST", "/v1/openai/chat/completions", mine, extra=f"x-api-key: {other}\r\n"))
    assert status_of(answer) == 400 and b"request_invalid" in answer


def test_a_caller_that_says_nothing_does_not_keep_others_waiting(organization: Organization) -> None:
    at = urlsplit(running.url())
    silent = [socket.create_connection((at.hostname, at.port), timeout=5) for _ in range(50)]
    try:
        for line in silent:
            line.sendall(b"POST /v1/openai/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n")
        asked_at = time.monotonic()
        assert organization.get("/grants")["items"] == []
        assert time.monotonic() - asked_at < 5
    finally:
        for line in silent:
            line.close()
