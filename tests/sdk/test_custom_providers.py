"""The official OpenAI SDKs through the vault, at providers that an organization added itself."""

from decimal import Decimal

import httpx
import openai
import pytest
from openai import AzureOpenAI, OpenAI

import running
from simulator import Simulator, told
from vault import Grant, Organization, detail
from waiting import until

HELLO = [{"role": "user", "content": told(input_tokens=100, output_tokens=20)}]
AT_SIMULATOR = "/openai/v1"


def add(organization: Organization, **members) -> dict:
    base_url = running.setting("LATCHKEY_SIMULATOR_URL") + AT_SIMULATOR
    return organization.post("/custom-providers", {"name": "acme-llm", "base_url": base_url} | members)


def granted(organization: Organization, name: str = "acme-llm", models: tuple[str, ...] = ("large",)) -> Grant:
    """Asked for at a handle and approved: no ticket's ceiling names a provider of an organization's own."""
    organization.key(name)
    address = httpx.URL(organization.handle())
    body = {"okap": "1.0", "authorization_details": [detail(name, models=list(models))], "client": {"name": "Test app"}}
    asked = organization.app.post("/okap/authorize", json=body, auth=(address.username, ""), headers={"prefer": "wait=0"}).json()
    approved = organization.post(f"/requests/{asked['request_id']}/approve", {}, status=200)
    secret = {"authorization": f"Bearer {asked['poll_secret']}"}
    told_then = organization.app.get(asked["poll_url"], headers=secret).json()
    return Grant(told_then["token"], told_then["authorization_details"], approved["grant_id"])


def client_of(grant: Grant, below: str = "") -> OpenAI:
    return OpenAI(api_key=grant.token, base_url=grant.base_url("acme-llm") + below, max_retries=0, timeout=20)


@pytest.mark.parametrize("below", ["", "/v1"])
def test_the_sdk_calls_it_and_the_call_costs_what_its_administrator_said(
    organization: Organization, simulator: Simulator, below: str
) -> None:
    add(organization, price={"input": "1", "output": "2"})
    grant = granted(organization)
    answer = client_of(grant, below).chat.completions.create(model="large", messages=HELLO, max_tokens=50)
    assert answer.usage.completion_tokens == 20
    chunks = list(client_of(grant, below).chat.completions.create(model="large", messages=HELLO, max_tokens=50, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    calls = simulator.wait_for_calls(organization.secrets["acme-llm"], 2)
    assert all(grant.token not in str(call["request_headers"]) for call in calls)

    def recorded() -> list[dict] | None:
        found = organization.get("/usage/calls")["items"]
        return found if len(found) == 2 else None

    for call in until("both calls in the usage record", recorded):
        assert (call["provider"], Decimal(call["cost"])) == ("acme-llm", Decimal("0.00014"))


def test_without_a_price_a_call_under_a_spend_limit_is_refused(organization: Organization, simulator: Simulator) -> None:
    add(organization)
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(granted(organization)).chat.completions.create(model="large", messages=HELLO)
    assert refused.value.type == "price_unknown"
    assert simulator.calls_with(organization.secrets["acme-llm"]) == []


def test_a_provider_that_is_removed_is_called_no_more(organization: Organization, simulator: Simulator) -> None:
    added = add(organization, price={"input": "1", "output": "2"})
    grant = granted(organization)
    client_of(grant).chat.completions.create(model="large", messages=HELLO, max_tokens=50)
    assert organization.api.delete(f"/custom-providers/{added['id']}").status_code == 204

    def refused() -> openai.APIStatusError | None:
        try:
            client_of(grant).chat.completions.create(model="large", messages=HELLO, max_tokens=50)
        except openai.APIStatusError as error:
            return error if error.status_code == 404 else None
        return None

    until("the refusal of a removed provider", refused)
    # One of the same name elsewhere has no key of this person's, and no grant calls it with the old one.
    before = len(simulator.calls_with(organization.secrets["acme-llm"]))
    add(organization, price={"input": "1", "output": "2"})
    with pytest.raises(openai.APIStatusError):
        client_of(grant).chat.completions.create(model="large", messages=HELLO, max_tokens=50)
    assert len(simulator.calls_with(organization.secrets["acme-llm"])) == before


def test_another_organizations_provider_is_unknown(organization: Organization, other_organization: Organization) -> None:
    add(other_organization, price={"input": "1", "output": "2"})
    answer = organization.api.post("/provider-keys", json={"provider": "acme-llm", "name": "K", "secret": "sk-0123456789abcdef"})
    assert answer.status_code == 400, answer.text
    grant = organization.grant()
    with pytest.raises(openai.NotFoundError):
        OpenAI(api_key=grant.token, base_url=f"{running.url()}/v1/acme-llm", max_retries=0).chat.completions.create(
            model="large", messages=HELLO
        )


def test_azures_own_sdk_finds_its_routes(organization: Organization, simulator: Simulator) -> None:
    models = {"fast": "gpt-4o-mini"}
    add(organization, name="acme-azure", kind="azure", base_url=running.setting("LATCHKEY_SIMULATOR_URL"), models=models)
    grant = granted(organization, "acme-azure", ("fast", "slow"))
    client = AzureOpenAI(
        api_key=grant.token, azure_endpoint=grant.base_url("acme-azure"), api_version="2024-10-21", max_retries=0, timeout=20
    )
    answer = client.chat.completions.create(model="fast", messages=HELLO, max_tokens=50)
    assert answer.usage.completion_tokens == 20
    (call,) = simulator.wait_for_calls(organization.secrets["acme-azure"], 1)
    assert (call["provider"], call["model"]) == ("azure", "fast")
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="slow", messages=HELLO, max_tokens=50)
    assert refused.value.type == "price_unknown"
