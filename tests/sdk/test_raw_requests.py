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


def exchange(raw: bytes, address: str | None = None, *, hang_up: bool = False, patience: float | None = None) -> bytes:
    """Sends bytes to the vault and reads until it closes, or is silent for so long as the `patience` if there is one. Who
    hangs up after the last byte need not be answered."""
    at = urlsplit(address or running.url())
    answer = b""
    with socket.create_connection((at.hostname, at.port), timeout=patience or 10) as line:
        try:
            line.sendall(raw)
            if hang_up:
                line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                answer += piece
        except OSError as closed:
            if isinstance(closed, TimeoutError) and not patience:
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
    "/v1/openai/images/variations",
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


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
# A whole second call behind the first, for whoever reads the first one's length differently.
LENGTH = f"Content-Length: {len(BODY)}\r\n"

SMUGGLING = {
    "both lengths, the body chunked": (f"{LENGTH}Transfer-Encoding: chunked\r\n", CHUNKED),
    "both lengths, chunked first": (f"Transfer-Encoding: chunked\r\n{LENGTH}", CHUNKED),
    "both lengths, the body plain": (f"{LENGTH}Transfer-Encoding: chunked\r\n", BODY),
    "a length of nothing and chunks": ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "an unknown coding": ("Transfer-Encoding: xchunked\r\n", CHUNKED),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunked and identity": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CHUNKED),
    "chunked before another": ("Transfer-Encoding: chunked, gzip\r\n", CHUNKED),
    "a space before the colon": ("Transfer-Encoding : chunked\r\n", CHUNKED),
    "a tab before the value": (f"{LENGTH}Transfer-Encoding:\tchunked\r\n", CHUNKED),
    "a vertical tab in the value": (f"{LENGTH}Transfer-Encoding: \x0bchunked\r\n", CHUNKED),
    "quotes around the value": (f'{LENGTH}Transfer-Encoding: "chunked"\r\n', CHUNKED),
    "a folded coding": (f"{LENGTH}Transfer-Encoding:\r\n chunked\r\n", CHUNKED),
    "a folded length": (f"Content-Length:\r\n {len(BODY)}\r\n", BODY),
    "a space before the length's colon": (f"Content-Length : {len(BODY)}\r\n", BODY),
    "a line that begins with a space": (f"{LENGTH} Transfer-Encoding: chunked\r\n", CHUNKED),
    "lengths that differ": (f"{LENGTH}Content-Length: 0\r\n", BODY),
    "the same length twice": (f"{LENGTH}{LENGTH}", BODY),
    "a list of lengths": (f"Content-Length: {len(BODY)}, {len(BODY)}\r\n", BODY),
    "a length with a sign": (f"Content-Length: +{len(BODY)}\r\n", BODY),
    "a length in hexadecimal": (f"Content-Length: 0x{len(BODY):x}\r\n", BODY),
    "a bare line feed between headers": (f"{LENGTH}X-A: b\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "a bare carriage return in a value": (f"{LENGTH}X-A: b\rTransfer-Encoding: chunked\r\n", CHUNKED),
    "a zero byte in a value": (f"{LENGTH}X-A: b\x00Transfer-Encoding: chunked\r\n", BODY),
    "a chunk's length with a sign": ("Transfer-Encoding: chunked\r\n", b"+" + CHUNKED),
    "a chunk's length beyond all numbers": ("Transfer-Encoding: chunked\r\n", b"f" * 17 + b"\r\n" + BODY),
    "a chunk that ends with a line feed": ("Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"\r\n0", b"\n0")),
    "a chunk longer than it says": ("Transfer-Encoding: chunked\r\n", b"1" + CHUNKED),
    "chunks with an endless extension": ("Transfer-Encoding: chunked\r\n", b"5;" + b"a" * 200_000),
    "a last chunk of many zeros": ("Transfer-Encoding: chunked\r\n", CHUNKED.replace(b"\r\n0\r\n", b"\r\n000\r\n")),
    "trailers that name a length": ("Transfer-Encoding: chunked\r\n", CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n"),
    "an expectation nobody knows": (f"{LENGTH}Expect: 200-maybe\r\n", BODY),
    "another protocol": (f"{LENGTH}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", BODY),
    "a token that a hop may drop": (f"{LENGTH}Connection: close, authorization\r\n", BODY),
    "a length that a hop may drop": (f"{LENGTH}Connection: content-length\r\n", BODY),
    "ten thousand headers": (LENGTH + "".join(f"X-{n}: y\r\n" for n in range(10_000)), BODY),
    "a header of a megabyte": (f"{LENGTH}X-A: {'b' * 1_000_000}\r\n", BODY),
}


@pytest.mark.parametrize(("lines", "body"), SMUGGLING.values(), ids=SMUGGLING.keys())
def test_what_two_readers_could_read_differently_is_one_call_at_most(
    organization: Organization,
    simulator: Simulator,
    lines: str,
    body: bytes,
) -> None:
    grant = organization.grant()
    # Whoever ends the first body too early takes this for a call, paid by the same grant.
    second = request("POST", "/v1/openai/chat/completions", grant.token)
    reached = 0
    for address in [None, *running.proxy_urls()]:
        answer = exchange(head(grant.token, lines) + body + second, address, patience=3)
        served = len(simulator.calls_with(organization.secrets["openai"])) - reached
        reached += served
        assert answer.count(b"HTTP/1.1 200") == served, answer[:300]
        assert status_of(answer) in (0, 200, *range(400, 500), 501), answer[:300]
        if status_of(answer) != 200:
            assert served == 0, "what was refused reached the provider all the same"
            assert answer.count(b"HTTP/1.1 ") <= 1, "what follows a refused request was answered"


@pytest.mark.parametrize("packing", ["gzip", "br", "identity, gzip", "gzip, gzip", "zz", "identity\r\nContent-Encoding: gzip"])
def test_a_packed_body_is_refused_and_the_next_request_is_read_as_what_it_is(
    organization: Organization,
    simulator: Simulator,
    packing: str,
) -> None:
    grant = organization.grant()
    packed = head(grant.token, f"{LENGTH}Content-Encoding: {packing}\r\n") + BODY
    following = request("GET", "/v1/openai/nothing", grant.token, b"")
    for address in [None, *running.proxy_urls()]:
        answer = exchange(packed + following, address, patience=3)
        assert status_of(answer) in (400, 415) and b"200 OK" not in answer, answer[:300]
    assert simulator.calls_with(organization.secrets["openai"]) == []


@pytest.mark.parametrize(
    "target",
    [
        "http://{host}/v1/openai/chat/completions",
        "http://169.254.169.254/v1/openai/chat/completions",
        "https://api.openai.com/v1/chat/completions",
        "api.openai.com:443",
        "*",
        "?x=/v1/openai/chat/completions",
        "/v1/openai/chat/completions#x",
        "/v1/openai/chat/completions HTTP/1.1\r\nX-A: b",
        "/v1/openai/chat\t/completions",
        "/v1/openai/chat/completions%0d%0aX-A:%20b",
        "/v1/openai;x=1/chat/completions",
        "/v1/openai/chat;/completions",
        "/v1/openai/chat/..;/chat/completions",
        "/v1/openai/%252e%252e/chat/completions",
        "/v1/openai/chat/%c0%af/completions",
        "/v1/%6fpenai/chat/completions",
    ],
)
def test_a_target_of_another_form_goes_nowhere_else(organization: Organization, simulator: Simulator, target: str) -> None:
    grant = organization.grant()
    target = target.replace("{host}", urlsplit(running.url()).netloc)
    reached = 0
    for address in [None, *running.proxy_urls()]:
        answer = exchange(request("POST", target, grant.token), address, patience=3)
        served = len(simulator.calls_with(organization.secrets["openai"])) - reached
        reached += served
        assert answer.count(b"HTTP/1.1 200") == served and served <= 1, answer[:300]
        assert status_of(answer) in (0, 200, *range(400, 500), 501), answer[:300]


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
