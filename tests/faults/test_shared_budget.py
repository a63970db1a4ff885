"""Two grants share a budget while proxies die and the limits lose their memory: it is not passed, and nothing of it is forgotten."""

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal

import breaking
from edges import MONEY, WIDE, by
from observer import Observer, bill, recorded
from test_crashes import Edge, in_flight, one_record_each, under_load
from vault import Organization, detail
from waiting import until


def hurt(observer: Observer) -> None:
    """One proxy dies, the limits lose their memory before it comes back, and another proxy dies and comes back."""
    until("twenty streams at once", lambda: in_flight(observer) >= 20, seconds=20)
    killed = breaking.kill("proxy-1")
    breaking.forget_everything()
    # Its calls are known to nobody else.
    breaking.limits_wait_for_more_than(2)
    killed.start_again()
    breaking.limits_are_open()
    breaking.kill("proxy-2").start_again()


def test_a_shared_budget_is_not_passed_and_not_forgotten(organizations: Callable[[], Organization], observer: Observer) -> None:
    organization = organizations()
    organization.post("/budgets", {"scope": "organization", "monthly_spend": str(MONEY)})
    # The simulator tells calls apart by their number: the two grants count together.
    numbers = itertools.count()
    grants = [organization.grant(detail(limits=WIDE)) for _ in range(2)]
    edges = [Edge("monthly_spend", organization, grant, numbers) for grant in grants]
    asyncio.run(under_load(edges, lambda: hurt(observer)))
    served = observer.ended(organization)
    assert all(bill(of_month) <= MONEY for of_month in by(served, 7)), f"{bill(served)} of {MONEY}"

    def all_records() -> list[dict] | None:
        found = [record for edge in edges for record in recorded(organization, edge.grant, 0)]
        return found if len(found) >= len(served) else None

    found = until(f"{len(served)} records", all_records, seconds=30)
    one_record_each(served, found)
    refused = [answer for edge in edges for answer in edge.answers if answer.status == 402]
    assert refused and all(answer.says("the organization's monthly budget would be exceeded") for answer in refused)

    def settled() -> dict | None:
        [budget] = organization.get("/budgets")["items"]
        [month] = budget["standing"] or [{"reserved": "unknown"}]
        return month if month["reserved"] == "0" else None

    month = until("nothing of the budget is held", settled, seconds=40)
    # What Redis says after the loss is what the record says, to the nano-dollar.
    found = until("every record", all_records)
    assert Decimal(month["spent"]) == sum(Decimal(record["cost"]) for record in found)
    assert Decimal(month["spent"]) <= MONEY
    assert breaking.holds() == []
