"""Who sees what really happened: the provider's own log on one side, the vault's record on the other."""

from decimal import Decimal

from prices import cost_of
from simulator import Simulator
from vault import Grant, Organization
from waiting import until


class Observer(Simulator):
    """The simulator once all is over: a call is in its log when it has ended."""

    def nothing_runs(self) -> bool:
        page = self.http.get("/simulator/log", params={"limit": 1}).raise_for_status().json()
        return page["in_flight"] == 0

    def ended(self, organization: Organization) -> list[dict]:
        """Every call that reached the provider with the organization's key, with nothing still under way."""
        until("the end of every call at the provider", self.nothing_runs, seconds=40)
        return self.calls_with(organization.secrets["openai"])


def bill(calls: list[dict]) -> Decimal:
    """What the provider asks for these calls, in USD: exact, from the published prices."""
    return sum((cost_of(call) for call in calls if call["billed"]), Decimal(0))


def records(organization: Organization, grant: Grant) -> list[dict]:
    """Every record of the grant's calls."""
    found: list[dict] = []
    query: dict = {"grant": grant.id, "limit": 200}
    while True:
        page = organization.get("/usage/calls", **query)
        found += page["items"]
        if not page.get("next_cursor"):
            return found
        query["cursor"] = page["next_cursor"]


def recorded(organization: Organization, grant: Grant, count: int, seconds: float = 30) -> list[dict]:
    """The records once there are as many as calls at the provider: a record is a moment behind its call."""

    def enough() -> list[dict] | None:
        found = records(organization, grant)
        return found if len(found) >= count else None

    return until(f"{count} records", enough, seconds)
