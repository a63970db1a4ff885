"""What the OpenAPI documents of auth and consent say is what those services answer, to valid and to invalid requests."""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import httpx
import pytest

from fuzzing import Caller, Findings, Machines, Things, has_input, operations, try_out
from right_requests import GRANT_TYPES, RightRequests
from vault import Organization

DOCUMENTS = ("auth", "consent")
AT_LEAST = 20_000
OF_EACH_ROUTE = 150
# How often each route is called, about; these wait for a person, 0.15 s at least each time.
CALLS = 500
WAITING = {
    "POST /okap/authorize": 240,
    "GET /okap/requests/{id}": 240,
    "POST /v/{handle}/okap/authorize": OF_EACH_ROUTE + 10,
}
# Routes that say yes to nobody here, each with why: there is none.
NEVER_TAKEN: dict[str, str] = {}
PROCESSES = 2


@dataclass
class Cast:
    """Everybody who calls."""

    things: Things
    right: RightRequests
    # What is made by the way fills up an organization of its own: there is room for so many of each.
    somebody: Organization
    # A connect ticket: at nobody's address one waits for five minutes; without a key to pay with there is an
    # answer at once.
    ticket: str
    # A handle, whose person decides nothing.
    handle: str

    @classmethod
    def of_its_own(cls) -> "Cast":
        owned = Organization.fresh()
        nobodys = Organization.fresh()
        ticket, handle = (httpx.URL(address).username for address in (nobodys.ticket(), nobodys.handle()))
        return cls(Things(owned), RightRequests(Organization.fresh()), Organization.fresh(), ticket, handle)

    def callers_of(self, route: str, path: str) -> list[Caller]:
        know = [Caller("one who knows how", right=self.right)] if route in self.right.makers else []
        return [*self._strangers(path), *know]

    def _strangers(self, path: str) -> list[Caller]:
        owner = {"authorization": f"Bearer {self.somebody.token}"}
        ticket = {"authorization": f"Bearer {self.ticket}"}
        at_once = {"prefer": "wait=0"}
        nobody = Caller("not signed in")
        if path.startswith("/api/v1/"):
            signed_in = [Caller("signed in", owner)]
            if "{" in path:
                has_it = {"authorization": f"Bearer {self.things.organization.token}"}
                signed_in.append(Caller("signed in, about something that is there", has_it, about=self.things))
            return [nobody, *signed_in]
        if path in ("/session", "/oauth/authorize"):
            return [nobody, Caller("signed in", owner)]
        if path.startswith("/oauth/"):
            return [nobody, Caller("a registered client", members={"client_id": self.right.client})]
        if path == "/okap/request":
            return [Caller("an app with a ticket", ticket)]
        if path == "/okap/authorize":
            return [Caller("an app", at_once), Caller("an app with a ticket", ticket | at_once)]
        if path == "/v/{handle}/okap/request":
            # The ticket stands where a handle would: at a handle one waits until its person decides.
            return [Caller("an app with a ticket in the path", place={"handle": self.ticket})]
        if path == "/v/{handle}/okap/authorize":
            return [Caller("an app at a handle", at_once, place={"handle": self.handle})]
        if path.startswith("/okap/popup/") or "{" not in path:
            return [nobody]
        return [nobody, Caller("an app, about something that is there", about=self.things)]


def try_out_share(share: int) -> Findings:
    """Every so many-th route, with organizations of its own."""
    findings, machines = Findings(), Machines(share)
    cast = Cast.of_its_own()
    routes = [operation for document in DOCUMENTS for operation in operations(document)]
    for operation in routes[share::PROCESSES]:
        callers = cast.callers_of(operation.label, operation.path)
        calls = WAITING.get(operation.label, CALLS) if has_input(operation) else 1
        try_out(operation, callers, max(1, calls // len(callers)), findings, machines)
    return findings


@pytest.mark.timeout(600)
def test_twenty_thousand_requests_are_answered_as_the_documents_say() -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as both:
        parts = list(both.map(try_out_share, range(PROCESSES)))
    sent = sum((part.sent for part in parts), Counter())
    callers = sum((part.by_caller for part in parts), Counter())
    statuses = sum((part.statuses for part in parts), Counter())
    wrong = {kind: told for part in parts for kind, told in part.wrong.items()}
    taken = sum((part.taken for part in parts), Counter())
    lines = [f"{count:6} {route}, {taken[route]} with success" for route, count in sorted(sent.items(), key=lambda item: item[0].split()[1])]
    lines += [f"{count:6} {name}" for name, count in callers.most_common()]
    lines += [f"{count:6} answered with {status}" for status, count in sorted(statuses.items())]
    print("\n".join([*lines, f"{sent.total():6} in all"]), file=sys.__stdout__, flush=True)

    assert not wrong, "\n\n".join(f"{kind}: {told}" for kind, told in wrong.items())
    routes = {operation.label: has_input(operation) for document in DOCUMENTS for operation in operations(document)}
    assert set(sent) == set(routes)
    for route, varies in routes.items():
        assert sent[route] >= (OF_EACH_ROUTE if varies else 1), f"{route} was called {sent[route]} times"
    refused = {route for route in routes if not taken[route]}
    assert refused == set(NEVER_TAKEN), f"never said yes: {refused}; listed: {set(NEVER_TAKEN)}"
    tokens = sum((part.by_grant_type for part in parts), Counter())
    assert set(tokens) == set(GRANT_TYPES), f"tokens came by {tokens} only"
    assert sent.total() >= AT_LEAST, f"{sent.total()} requests are too few"
