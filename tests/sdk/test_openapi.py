"""What the OpenAPI documents of auth and consent say is what those services answer, to valid and to invalid requests."""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import httpx
import pytest

from fuzzing import Caller, Findings, Machines, Things, has_input, operations, try_out
from vault import Organization

DOCUMENTS = ("auth", "consent")
AT_LEAST = 20_000
OF_EACH_ROUTE = 150
# How often each route is called, about; these wait for a person, 0.15 s at least each time.
CALLS = 800
WAITING = {"POST /okap/authorize": 240, "GET /okap/requests/{id}": 240}
PROCESSES = 2


def callers_of(path: str, things: Things, somebody: Organization, ticket: dict[str, str], client: dict[str, str]) -> list[Caller]:
    # What is made by the way fills up an organization of its own: there is room for so many of each.
    owner = {"authorization": f"Bearer {somebody.token}"}
    nobody = Caller("not signed in")
    if path.startswith("/api/v1/"):
        signed_in = [Caller("signed in", owner)]
        if "{" in path:
            has_it = {"authorization": f"Bearer {things.organization.token}"}
            signed_in.append(Caller("signed in, about something that is there", has_it, about=things))
        return [nobody, *signed_in]
    if path == "/oauth/authorize":
        return [nobody, Caller("signed in", owner)]
    if path.startswith("/oauth/"):
        return [nobody, Caller("a registered client", members=client)]
    if path == "/okap/request":
        return [Caller("an app with a ticket", ticket)]
    if path == "/okap/authorize":
        return [Caller("an app", {"prefer": "wait=0"}), Caller("an app with a ticket", ticket | {"prefer": "wait=0"})]
    if "{" in path:
        return [nobody, Caller("an app, about something that is there", about=things)]
    return [nobody]


def try_out_share(share: int) -> Findings:
    """Every so many-th route, with organizations of its own."""
    findings, machines = Findings(), Machines()
    owned, somebody = Organization.fresh(), Organization.fresh()
    things = Things(owned)
    # At nobody's address one waits for five minutes; without a key to pay with there is an answer at once.
    ticket = {"authorization": f"Bearer {httpx.URL(Organization.fresh().ticket()).username}"}
    registered = owned.post("/apps", {"name": "Fuzz", "redirect_uris": ["https://fuzz.test/back"]})
    client = {"client_id": registered["client_id"]}
    routes = [operation for document in DOCUMENTS for operation in operations(document)]
    for operation in routes[share::PROCESSES]:
        callers = callers_of(operation.path, things, somebody, ticket, client)
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
    lines = [f"{count:6} {route}" for route, count in sorted(sent.items(), key=lambda item: item[0].split()[1])]
    lines += [f"{count:6} {name}" for name, count in callers.most_common()]
    lines += [f"{count:6} answered with {status}" for status, count in sorted(statuses.items())]
    print("\n".join([*lines, f"{sent.total():6} in all"]), file=sys.__stdout__, flush=True)

    assert not wrong, "\n\n".join(f"{kind}: {told}" for kind, told in wrong.items())
    routes = {operation.label: has_input(operation) for document in DOCUMENTS for operation in operations(document)}
    assert set(sent) == set(routes)
    for route, varies in routes.items():
        assert sent[route] >= (OF_EACH_ROUTE if varies else 1), f"{route} was called {sent[route]} times"
    assert sent.total() >= AT_LEAST, f"{sent.total()} requests are too few"
