"""Organizations with owners that decide, for benchmarks of what the vault does with decisions."""

import base64
import hashlib
import http.client
import itertools
import json
import os
import secrets
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
from provision import provision  # noqa: E402

CALLBACK = "http://127.0.0.1:9/back"
# PKCE (RFC 7636).
VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
WANTED = {"type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"]}
# A machine may collect 300 times a minute and ask 60 times.
CALLS_OF_ONE_MACHINE = 50
MACHINES = itertools.count()


class Calls:
    """One thread's connection to a service, from a new loopback address now and then."""

    def __init__(self, port: int) -> None:
        self.port, self.made = port, 0
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: dict | None = None, **headers: str) -> tuple[int, dict]:
        text = None if body is None else json.dumps(body)
        status, _, said = self.send(method, path, text, headers | ({} if text is None else {"content-type": "application/json"}))
        return status, json.loads(said) if said else {}

    def send(self, method: str, path: str, text: str | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Gives the status, where the answer sends a browser, and the answer."""
        if self.made % CALLS_OF_ONE_MACHINE == 0:
            machine = next(MACHINES)
            address = f"127.{50 + machine // 62_500 % 50}.{machine // 250 % 250}.{machine % 250 + 1}"
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, 40, source_address=(address, 0))
        self.made += 1
        self.connection.request(method, path, text, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.getheader("location", ""), answer.read()


@dataclass
class Owner:
    """Somebody who decides about what is asked at one handle."""

    token: str
    handle: str

    @classmethod
    def new(cls, calls: Calls, with_key: bool = True) -> "Owner":
        word = secrets.token_hex(6)
        token = provision(f"Bench {word}", "Olive Owner", f"olive-{word}@example.test")["owner_token"]
        own = {"authorization": f"Bearer {token}"}
        if with_key:
            key = {"provider": "openai", "name": "Bench", "secret": f"sk-bench-{word}-0123456789"}
            expect(201, calls.call("POST", "/api/v1/provider-keys", key, **own))
        made = expect(201, calls.call("POST", "/api/v1/handles", {"label": "Bench"}, **own))
        return cls(token, urlsplit(made["url"]).username or "")

    def at_another_handle(self, calls: Calls) -> "Owner":
        """The same owner, asked at a handle of its own."""
        made = calls.call("POST", "/api/v1/handles", {"label": "Bench"}, authorization=f"Bearer {self.token}")
        return Owner(self.token, urlsplit(expect(201, made)["url"]).username or "")

    def ask(self, calls: Calls, callback: str | None = None) -> dict:
        client = {"name": "Bench"} | ({"callback": callback} if callback else {})
        body = {"okap": "1.0", "authorization_details": [WANTED], "client": client}
        basic = base64.b64encode(f"{self.handle}:".encode()).decode()
        asked = calls.call("POST", "/okap/authorize", body, authorization=f"Basic {basic}", prefer="wait=0")
        return expect(202, asked) | {"owner": self.token}

    def app(self, calls: Calls) -> str:
        """An OAuth client of the owner's organization."""
        app = {"name": "Bench", "redirect_uris": [CALLBACK]}
        return expect(201, calls.call("POST", "/api/v1/apps", app, authorization=f"Bearer {self.token}"))["client_id"]


def authorize(calls: Calls, owner: Owner, client: str) -> dict:
    """An OAuth client sends its person here, each time anew."""
    query = urlencode({
        "response_type": "code", "client_id": client, "redirect_uri": CALLBACK, "state": secrets.token_hex(8),
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", "authorization_details": json.dumps([WANTED])})
    status, location, said = calls.send("GET", f"/oauth/authorize?{query}", None, {"authorization": f"Bearer {owner.token}"})
    if status != 303 or "/requests/" not in location:
        sys.exit(f"not led to a request: {status} {location} {said[:200]}")
    return {"request_id": location.rsplit("/", 1)[1], "owner": owner.token, "client": client}


def redeem_at_token(calls: Calls, asked: dict) -> None:
    """Exchanges an authorization code for the token (RFC 6749 section 4.1.3)."""
    form = urlencode({"grant_type": "authorization_code", "client_id": asked["client"], "redirect_uri": CALLBACK,
                      "code": asked["code"], "code_verifier": VERIFIER})
    status, _, said = calls.send("POST", "/oauth/token", form, {"content-type": "application/x-www-form-urlencoded"})
    if status != 200 or not json.loads(said)["access_token"].startswith("okap_"):
        sys.exit(f"no token for a code: {status} {said[:200]}")


def expect(status: int, answer: tuple[int, dict]) -> dict:
    if answer[0] != status:
        sys.exit(f"{status} was expected: {answer}")
    return answer[1]


def approve(calls: Calls, asked: dict) -> dict:
    """Approves a request; gives where the browser goes."""
    owner = f"Bearer {asked['owner']}"
    return expect(200, calls.call("POST", f"/api/v1/requests/{asked['request_id']}/approve", {}, authorization=owner))


def collect(calls: Calls, asked: dict) -> None:
    """Collects the token of an approved request with its poll secret."""
    secret = f"Bearer {asked['poll_secret']}"
    told = expect(200, calls.call("GET", f"/okap/requests/{asked['request_id']}", authorization=secret))
    assert told["token"].startswith("okap_")


def code_of(approved: dict) -> str:
    return parse_qs(urlsplit(approved["redirect_to"]).query)["code"][0]


def redeem(calls: Calls, asked: dict) -> None:
    """Exchanges the code that came to the callback for the token."""
    secret = f"Bearer {asked['poll_secret']}"
    told = calls.call("POST", f"/okap/requests/{asked['request_id']}", {"code": asked["code"]}, authorization=secret)
    assert expect(200, told)["token"].startswith("okap_")


def by_clients(clients: int, port: int, work: list, do) -> list:
    """Does all the work with so many threads; gives the results."""
    left, results, lock = iter(work), [], threading.Lock()

    def one() -> None:
        calls = Calls(port)
        while True:
            with lock:
                item = next(left, None)
            if item is None:
                return
            done = do(calls, item)
            with lock:
                results.append(done)

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(results) != len(work):
        sys.exit("not everything was done")
    return results


def consent_port() -> int:
    """Where the consent service itself listens: behind the gateway of a split vault."""
    port = urlsplit(os.environ["LATCHKEY_URL"]).port or 80
    return port + 12 if os.environ.get("LATCHKEY_MODE") == "split" else port
