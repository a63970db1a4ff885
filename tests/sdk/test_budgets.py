"""What an organization lets be spent above its grants, over every proxy."""

import asyncio
import json
from decimal import Decimal

import httpx
import openai
import pytest
from openai import OpenAI

import running
from prices import rates_of
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

MILLION = Decimal(1_000_000)
CALLS = 120
ROOM = 10
# 100 output tokens: with gpt-4o-mini this costs 0.00006 USD, and at most 0.0001 when it is held.
A_CALL = {
    "model": "gpt-4o-mini",
    "max_completion_tokens": 100,
    "messages": [{"role": "user", "content": told(output_tokens=100)}],
}


def app_of(grant: Grant, proxy: str | None = None) -> OpenAI:
    return OpenAI(api_key=grant.token, base_url=grant.base_url("openai", proxy), max_retries=0, timeout=20)


def passes(app: OpenAI) -> bool:
    """Whether a call goes through; any refusal but for want of money is a fault."""
    try:
        return bool(app.chat.completions.create(**A_CALL).choices)
    except openai.APIStatusError as refused:
        assert (refused.status_code, refused.type) == (402, "spend_limit_exceeded"), refused
        return False


def change(organization: Organization, budget: str, **amounts: str) -> None:
    answer = organization.api.patch(f"/budgets/{budget}", json=amounts)
    assert answer.status_code == 200, answer.text


def the_only(organization: Organization) -> dict:
    [budget] = organization.get("/budgets")["items"]
    return budget


def test_a_budget_binds_every_grant_at_every_proxy_within_a_second(
    organization: Organization,
    other_organization: Organization,
    simulator: Simulator,
) -> None:
    grants = [organization.grant(), organization.grant()]
    stranger = app_of(other_organization.grant())
    apps = [app_of(grant, proxy) for grant in grants for proxy in running.proxy_urls()]
    assert all(passes(app) for app in apps)
    # The proxies know by now that there is no budget; what changes that is told to them.
    budget = organization.post("/budgets", {"scope": "organization", "monthly_spend": "0.00001", "label": "All"})
    for app in apps:
        until("the budget is in the way", lambda app=app: not passes(app), seconds=1)
    with pytest.raises(openai.APIStatusError) as refused:
        apps[0].chat.completions.create(**A_CALL)
    why = refused.value.body
    assert why["message"].startswith("the organization's monthly budget would be exceeded")
    assert (why["budget"], why["limit_name"]) == (budget["id"], "monthly_spend")
    assert not {"spent", "limit", "reserved", "step_up_url"} & why.keys(), "an app need not know what others spend"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert passes(stranger), "another organization's budget does not count"

    change(organization, budget["id"], monthly_spend="10")
    for app in apps:
        until("the budget is raised", lambda app=app: passes(app), seconds=1)
    [month] = until("it is settled", lambda: [s for s in the_only(organization)["standing"] if s["reserved"] == "0"])
    # Since the budget was set; what was called before does not count.
    assert Decimal("0.00006") * len(apps) <= Decimal(month["spent"]) < Decimal("0.00012") * len(apps)
    assert Decimal(month["spent"]) + Decimal(month["remaining"]) == 10

    change(organization, budget["id"], monthly_spend="0.00001")
    for app in apps:
        until("the budget is lowered", lambda app=app: not passes(app), seconds=1)
    assert organization.api.delete(f"/budgets/{budget['id']}").status_code == 204
    for app in apps:
        until("the budget is gone", lambda app=app: passes(app), seconds=1)
    assert organization.get("/budgets")["items"] == []


def test_grants_that_share_a_budget_never_pass_it_over_every_proxy(organization: Organization, simulator: Simulator) -> None:
    # What a call uses is all that it may use: nothing of what was held is given back, so there is never room for more.
    def body(**script) -> bytes:
        message = {"role": "user", "content": told(**script)}
        return json.dumps({"model": "gpt-4o-mini", "max_completion_tokens": 50, "messages": [message]}).encode()

    bound = len(body(output_tokens=50, input_tokens=100)) + 64
    rates = rates_of("openai", "gpt-4o-mini")
    dearest = (bound * rates["input"] + 50 * rates["output"]) / MILLION
    roomy = {"monthly_spend": 10, "requests_per_minute": 1000, "requests_per_day": 1000}
    grants = [organization.grant(detail(limits=roomy)) for _ in range(3)]
    most = ROOM * dearest
    organization.post("/budgets", {"scope": "provider", "provider": "openai", "daily_spend": str(most)})
    proxies = running.proxy_urls()
    for grant in grants:
        for proxy in proxies:
            in_force = lambda grant=grant, proxy=proxy: left(grant, proxy) <= most  # noqa: E731
            until("the budget is known everywhere", in_force, seconds=2)

    async def send() -> list[int]:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=CALLS)) as http:
            async def one(turn: int) -> int:
                grant, proxy = grants[turn % 3], proxies[turn % len(proxies)]
                headers = {"authorization": f"Bearer {grant.token}", "content-type": "application/json"}
                address = grant.base_url("openai", proxy) + "/chat/completions"
                content = body(output_tokens=50, input_tokens=bound)
                return (await http.post(address, headers=headers, content=content)).status_code

            return list(await asyncio.gather(*(one(turn) for turn in range(CALLS))))

    statuses = asyncio.run(send())
    served = simulator.calls_with(organization.secrets["openai"])
    assert 1 <= len(served) <= ROOM and statuses.count(200) == len(served)
    assert set(statuses) <= {200, 402, 429}
    [day] = until("all is settled", lambda: [s for s in the_only(organization)["standing"] if s["reserved"] == "0"])
    assert Decimal(day["spent"]) <= Decimal(day["limit"]) == most
    assert Decimal(day["spent"]) == dearest * len(served)


def left(grant: Grant, proxy: str) -> Decimal:
    """What a proxy says is left of the grant's day."""
    answer = httpx.get(f"{proxy}/v1/grant", headers={"authorization": f"Bearer {grant.token}"}).raise_for_status()
    return next(Decimal(one["remaining"]) for one in answer.json()["limits"] if one["name"] == "daily_spend")
