"""Requests that schemathesis makes of an OpenAPI document, sent as different callers, and what is wrong with the answers."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import hypothesis
import httpx
import requests
import schemathesis
from hypothesis.errors import Unsatisfiable
from requests.adapters import HTTPAdapter
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import running
from right_requests import RightRequests
from vault import Organization, detail, some_machine

DOCUMENTS = Path(__file__).parents[2] / "openapi"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# The same requests each time.
SETTINGS = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "phases": [hypothesis.Phase.generate],
    "suppress_health_check": list(hypothesis.HealthCheck),
}
# Who changes or ends something would soon find nothing: so often there is a new one.
NEW_EVERY = 12
# Of those who know what is right, every so many-th sends just that; the others get one member wrong.
JUST_RIGHT_EVERY = 4


class FromMachine(HTTPAdapter):
    """A connection from a loopback address of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **options) -> None:
        super().init_poolmanager(*args, **options | {"source_address": (self.address, 0)})


class Machines:
    """Many machines, each with a few calls: the vault counts how often one calls in a minute, and registers in
    an hour."""

    CALLS_OF_ONE = 20

    def __init__(self, share: int) -> None:
        self.calls = 0
        self.session = requests.Session()
        self.dice = random.Random(7 + share)

    def next(self) -> requests.Session:
        if self.calls % self.CALLS_OF_ONE == 0:
            self.session.close()
            self.session = requests.Session()
            self.session.trust_env = False
            dice = self.dice.randint
            address = f"127.{dice(1, 254)}.{dice(0, 254)}.{dice(1, 254)}"
            self.session.mount("http://", FromMachine(address))
        self.calls += 1
        return self.session


class Things:
    """What an organization has, so that a request can be about something that is there."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        organization.key("openai")
        self.used: Counter[str] = Counter()
        self.known: dict[str, dict[str, str]] = {}
        self.makers: dict[str, Callable[[], dict[str, str]]] = {
            "api-tokens": lambda: {"id": self._post("/api-tokens", self._token())["id"]},
            "apps": lambda: {"id": self._post("/apps", {"name": "Fuzz", "redirect_uris": ["https://fuzz.test/back"]})["client_id"]},
            "budgets": self._budget,
            "custom-providers": self._custom_provider,
            "grants": lambda: {"id": organization.grant(detail()).id},
            "handles": lambda: {"id": self._handle()["id"]},
            "model-aliases": self._model_alias,
            "provider-keys": lambda: {"id": self._post("/provider-keys", self._key())["id"]},
            "requests": self._request,
            "provider}": lambda: {"provider": "openai"},
        }

    def _post(self, path: str, body: dict) -> dict:
        return self.organization.post(path, body)

    def _handle(self) -> dict:
        # A person has twenty at most, and the requests of a test make handles, too.
        for handle in self.organization.get("/handles")["items"]:
            self.organization.api.delete(f"/handles/{handle['id']}")
        return self._post("/handles", {"label": "Fuzz"})

    def _budget(self) -> dict[str, str]:
        # One for each scope.
        for budget in self.organization.get("/budgets")["items"]:
            self.organization.api.delete(f"/budgets/{budget['id']}")
        return {"id": self._post("/budgets", {"scope": "organization", "monthly_spend": "500"})["id"]}

    def _custom_provider(self) -> dict[str, str]:
        # An organization has fifty at most.
        for added in self.organization.get("/custom-providers")["items"]:
            self.organization.api.delete(f"/custom-providers/{added['id']}")
        return {"id": self._post("/custom-providers", {"name": "fuzz-llm", "base_url": "https://llm.fuzz.example/v1"})["id"]}

    def _model_alias(self) -> dict[str, str]:
        # An organization has fifty at most.
        for alias in self.organization.get("/model-aliases")["items"]:
            self.organization.api.delete(f"/model-aliases/{alias['id']}")
        body = {"name": "fuzz-fast", "candidates": [{"model": "openai/gpt-4o-mini"}]}
        return {"id": self._post("/model-aliases", body)["id"]}

    @staticmethod
    def _token() -> dict:
        end = datetime.now(timezone.utc) + timedelta(days=1)
        return {"label": "Fuzz", "role": "member", "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    @staticmethod
    def _key() -> dict:
        return {"provider": "groq", "name": "Fuzz", "secret": "sk-fuzz-0123456789abcdef"}

    def _request(self) -> dict[str, str]:
        for waiting in self.organization.pending():
            self.organization.post(f"/requests/{waiting['id']}/deny", {}, status=204)
        handle = httpx.URL(self._handle()["url"]).username
        body = {"okap": "1.0", "authorization_details": [detail()], "client": {"name": "Fuzz"}}
        client = httpx.Client(base_url=running.url(), transport=some_machine())
        with client:
            asked = client.post("/okap/authorize", json=body, auth=(handle, ""), headers={"prefer": "wait=0"}).json()
        return {"id": asked["request_id"], "secret": asked["poll_secret"]}

    def some(self, path: str) -> dict[str, str]:
        """Something of the kind that this path is about; now and then a new one."""
        kind = next((kind for kind in self.makers if f"/{kind}" in path or f"{{{kind}" in path), "")
        if not kind:
            return {}
        if self.used[kind] % NEW_EVERY == 0:
            self.known[kind] = self.makers[kind]()
        self.used[kind] += 1
        return self.known[kind]


@dataclass
class Caller:
    """Who sends a case: with these headers, path and form members, about things that are there or not, or knowing
    what a right request is."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    place: dict[str, str] = field(default_factory=dict)
    about: Things | None = None
    right: RightRequests | None = None
    turns: int = 0

    def send(self, case: Case, machines: Machines) -> schemathesis.Response:
        headers = dict(self.headers)
        if self.place:
            case.path_parameters = (case.path_parameters or {}) | self.place
        if self.about is not None:
            there = self.about.some(case.operation.path)
            case.path_parameters = (case.path_parameters or {}) | {k: v for k, v in there.items() if k != "secret"}
            if "secret" in there and case.operation.path.startswith("/okap/"):
                headers["authorization"] = f"Bearer {there['secret']}"
        if self.members and isinstance(case.body, dict):
            case.body = case.body | self.members
        if self.right is not None:
            headers |= self._correct(case)
        return case.call(
            base_url=running.url(), session=machines.next(), headers=headers, timeout=40, allow_redirects=False
        )

    def _correct(self, case: Case) -> dict[str, str]:
        """Makes a right request of a case, save for one member of it now and then; gives its headers."""
        assert self.right is not None
        right = self.right.some(case.operation.label)
        self.turns += 1
        is_just_right = self.turns % JUST_RIGHT_EVERY == 0
        there = case.path_parameters or {}
        case.path_parameters = there | {name: value for name, value in right.path.items() if name in there}
        if right.query:
            case.query = right.query if is_just_right else self._but_one(right.query, case.query)
        if right.body is not None:
            case.body = right.body if is_just_right else self._but_one(right.body, case.body)
        return right.headers

    def _but_one(self, right: dict, case: object) -> dict:
        if not isinstance(case, dict) or not case:
            return right
        name = list(case)[self.turns % len(case)]
        return right | {name: case[name]}


@dataclass
class Findings:
    """What was sent, and what was wrong: the first example of each kind."""

    sent: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    by_grant_type: Counter[str] = field(default_factory=Counter)
    by_caller: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[tuple[str, int, str], str] = field(default_factory=dict)

    def take_in(self, case: Case, caller: Caller, machines: Machines) -> None:
        try:
            answer = caller.send(case, machines)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            # What the client itself cannot send.
            return
        except requests.exceptions.RequestException as error:
            self.wrong.setdefault((case.operation.label, 0, type(error).__name__), str(error)[:500])
            return
        self.sent[case.operation.label] += 1
        if answer.status_code < 400:
            self.taken[case.operation.label] += 1
            if case.operation.path == "/oauth/token":
                self.by_grant_type[case.body["grant_type"]] += 1
        self.by_caller[caller.name] += 1
        self.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except BaseExceptionGroup as failures:
            for failure in failures.exceptions:
                key = (case.operation.label, answer.status_code, type(failure).__name__)
                told = f"{failure}\n{answer.text[:500]}\n{case.as_curl_command()[:700]}"
                self.wrong.setdefault(key, told)


def operations(document: str) -> Iterator[schemathesis.schemas.APIOperation]:
    schema = schemathesis.openapi.from_path(str(DOCUMENTS / f"{document}.json"))
    for operation in schema.get_all_operations():
        yield operation.ok()


def has_input(operation: schemathesis.schemas.APIOperation) -> bool:
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def try_out(operation, callers: list[Caller], cases: int, findings: Findings, machines: Machines) -> None:
    """Sends valid and invalid requests of one route, each of them as every one of the callers."""
    can_be_wrong = bool(operation.body) or any(True for _ in operation.query)
    for mode in [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if can_be_wrong else [GenerationMode.POSITIVE]:
        share = cases // (2 if can_be_wrong else 1)

        @hypothesis.settings(max_examples=max(1, share), **SETTINGS)
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Case) -> None:
            for caller in callers:
                findings.take_in(case, caller, machines)

        try:
            run()
        except Unsatisfiable:
            # Whatever is sent there is as valid as anything else.
            pass
