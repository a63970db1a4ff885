"""Proxies die and the limits lose their memory under load: no limit is passed, and every call has its one record."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import httpx

import breaking
import running
from edges import EDGES, MONEY, ROOM, WIDE, within_its_limit, worst_case
from load import FIRST, WIDEST, Answer, Told, call
from observer import Observer, recorded
from prices import cost_of
from vault import Grant, Organization, detail
from waiting import until

CALLERS = 120
# No call begins later than this; one takes eight seconds and little more.
BEGIN_WITHIN = 32.0


@dataclass
class Edge:
    """A grant whose one narrow limit is `limit`, and what its callers saw."""

    limit: str
    organization: Organization
    grant: Grant
    numbers: Iterator[int] = field(default_factory=itertools.count)
    answers: list[Answer] = field(default_factory=list)



def the_edges(organizations: Callable[[], Organization]) -> list[Edge]:
    def edge(limit: str) -> Edge:
        organization = organizations()
        return Edge(limit, organization, organization.grant(detail(limits=WIDE | {limit: EDGES[limit]})))

    return [edge(limit) for limit in EDGES]


async def caller(edge: Edge, at: int, until_then: float) -> None:
    """Calls at every proxy in turn, again and again. A call that was refused by the limits is tried again as it is."""
    proxies = running.proxy_urls()
    pause = random.Random(at)
    wanted: Told | None = None
    for turn in itertools.count(at):
        wanted = wanted or Told(number := next(edge.numbers), sparing=number % 2 == 1)
        answer = await call(edge.grant, proxies[turn % len(proxies)], wanted.body())
        edge.answers.append(answer)
        if answer.status not in (400, 402, 429):
            wanted = None
        # Spread over time, so that refusals do not come in waves.
        if time.monotonic() + (wait := pause.uniform(0.8, 2.4)) > until_then:
            return
        if not answer.whole:
            await asyncio.sleep(wait)


async def under_load(edges: list[Edge], hurt: Callable[[], None]) -> None:
    """All callers of all grants at once, while `hurt` runs beside them."""
    until_then = time.monotonic() + BEGIN_WITHIN
    callers = [caller(edge, at, until_then) for edge in edges for at in range(CALLERS)]
    await asyncio.gather(asyncio.to_thread(hurt), *callers)


def hurt(observer: Observer) -> None:
    """One proxy dies, the limits lose their memory before it comes back, and another proxy dies and comes back."""
    until("five hundred streams at once", lambda: in_flight(observer) >= 450, seconds=20)
    killed = breaking.kill("proxy-1")
    breaking.forget_everything()
    # Its calls are known to nobody else.
    breaking.limits_wait_for_more_than(2)
    killed.start_again()
    breaking.limits_are_open()
    until("streams after the loss", lambda: in_flight(observer) >= 10, seconds=10)
    breaking.kill("proxy-2").start_again()


def in_flight(observer: Observer) -> int:
    return observer.http.get("/simulator/log", params={"limit": 1}).json()["in_flight"]


def test_no_limit_is_passed_and_no_call_is_lost(
    organizations: Callable[[], Organization],
    observer: Observer,
) -> None:
    edges = the_edges(organizations)
    asyncio.run(under_load(edges, lambda: hurt(observer)))
    for edge in edges:
        served = observer.ended(edge.organization)
        found = recorded(edge.organization, edge.grant, len(served))
        within_its_limit(edge.limit, served)
        one_record_each(served, found)
        at_its_edge(edge, served, found)
    died = [answer for edge in edges for answer in edge.answers if answer.status == 200 and not answer.whole]
    assert len(died) > 20, "hardly a stream was running in the proxies that died"
    nothing_is_held(edges)


def one_record_each(served: list[dict], found: list[dict]) -> None:
    """Each call is known by its number: in what the provider counted, and in what was measured or held for it."""
    at_provider = {WIDEST - call["input_tokens"]: call for call in served}
    assert len(at_provider) == len(served), "a call reached the provider twice"
    in_record: dict[int, dict] = {}
    for record in found:
        tokens, estimated = record["tokens"], record["measurement"] == "estimated"
        number = tokens["output"] - FIRST if estimated else WIDEST - tokens["input"]
        assert number not in in_record, f"call {number} has two records"
        in_record[number] = record
    assert at_provider.keys() <= in_record.keys(), "a call that reached the provider has no record"
    for number in in_record.keys() - at_provider.keys():
        # Written down before the provider was asked, and then the proxy died.
        assert in_record[number]["outcome"] == "proxy_lost", in_record[number]
    for number, call in at_provider.items():
        record = in_record[number]
        assert Decimal(record["cost"]) >= cost_of(call), record
        assert not record["exceeded_reservation"], record
        if record["measurement"] == "measured":
            assert call["completed"] and Decimal(record["cost"]) == cost_of(call), (record, call)
        if not call["completed"]:
            assert (record["measurement"], record["outcome"]) == ("estimated", "proxy_lost"), record


def at_its_edge(edge: Edge, served: list[dict], found: list[dict]) -> None:
    """The limit was in the way: more wanted in than it let in, and it let in what fits."""
    status = {"tokens_per_request": 400, "monthly_spend": 402, "daily_spend": 402}.get(edge.limit, 429)
    refused = [answer for answer in edge.answers if answer.status == status]
    assert refused and all(answer.says(edge.limit) for answer in refused), Counter(a.status for a in edge.answers)
    if status == 402:
        left = MONEY - sum(Decimal(record["cost"]) for record in found)
        assert 0 <= left < 2 * worst_case(FIRST + 2 * len(served)), left
    else:
        assert len(served) >= ROOM // 2


def reserved(edge: Edge) -> Decimal:
    headers = {"authorization": f"Bearer {edge.grant.token}"}
    answer = httpx.get(f"{running.url()}/v1/grant", headers=headers, timeout=20)
    if answer.status_code != 200:
        return Decimal("NaN")
    return sum((Decimal(limit["reserved"]) for limit in answer.json()["limits"]), Decimal(0))


def nothing_is_held(edges: list[Edge]) -> None:
    for edge in edges:
        until(f"no hold under {edge.limit}", lambda edge=edge: reserved(edge) == 0, seconds=40)
    assert breaking.holds() == []
