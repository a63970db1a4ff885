"""A key that its provider refuses is found before any app needs it."""

from simulator import Simulator
from vault import Organization
from waiting import until


def the_key(organization: Organization) -> dict:
    (key,) = organization.get("/provider-keys")["items"]
    return key


def checked(organization: Organization) -> dict | None:
    key = the_key(organization)
    return key if key.get("checked_at", "") >= key["check_requested_at"] else None


def test_a_key_that_its_provider_refuses_is_known_as_soon_as_it_is_stored(organization: Organization) -> None:
    dead = organization.key("openai", f"sk-test-DEAD-{organization.tenant}")
    assert until("the verdict", lambda: checked(organization))["health"] == "invalid"
    assert dead not in str(organization.get("/audit"))
    key = the_key(organization)["id"]
    organization.post(f"/provider-keys/{key}/rotate", {"secret": f"sk-test-{organization.tenant}"}, status=204)
    assert until("the verdict on the new one", lambda: checked(organization))["health"] == "usable"
    assert organization.get("/usage")["total"]["calls"] == 0


def test_a_key_is_checked_when_its_owner_asks_and_the_opening_is_written_down(organization: Organization, simulator: Simulator) -> None:
    secret = organization.key("anthropic")
    until("the verdict", lambda: checked(organization))
    assert len(simulator.checks_of(secret)) == 1
    key = the_key(organization)["id"]
    organization.post(f"/provider-keys/{key}/check", status=202)
    assert until("the second verdict", lambda: checked(organization))["health"] == "usable"
    until("the second look", lambda: len(simulator.checks_of(secret)) == 2)
    assert organization.get(f"/provider-keys/{key}/unwraps")["items"]
