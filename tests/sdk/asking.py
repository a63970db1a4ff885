"""An app that asks with the released `okap` SDK, which blocks until it is answered."""

from concurrent.futures import Future

from okap import OkapClient, OkapToken

from vault import Organization
from waiting import begun, until

GARDEN = {"app_name": "Garden planner", "app_url": "https://garden.test"}


def ask(address: str, provider: str, app: dict[str, str], wanted: dict) -> OkapToken:
    with OkapClient(address, **app) as client:
        return client.request_access(provider, **wanted)


def asking(address: str, provider: str = "openai", app: dict[str, str] | None = None, **wanted) -> Future[OkapToken]:
    """The SDK asks in the background, as it blocks until it is answered; a test need not wait for that."""
    wanted = {"models": ["gpt-4o-mini"], "monthly_limit": 4.0} | wanted
    return begun(ask, address, provider, GARDEN | (app or {}), wanted)


def the_request(organization: Organization) -> dict:
    return until("the request in the inbox", organization.pending)[0]
