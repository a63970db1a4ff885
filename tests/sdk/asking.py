"""An app that asks with the released `okap` SDK, which blocks until it is answered."""

import threading
from concurrent.futures import Future

from okap import OkapClient, OkapToken

from vault import Organization
from waiting import until


def asking(address: str, provider: str = "openai", **wanted) -> Future[OkapToken]:
    """The SDK asks in the background, as it blocks until it is answered; a test need not wait for that."""
    wanted = {"models": ["gpt-4o-mini"], "monthly_limit": 4.0} | wanted
    answer: Future[OkapToken] = Future()

    def ask() -> None:
        try:
            with OkapClient(address, app_name="Garden planner", app_url="https://garden.test") as client:
                answer.set_result(client.request_access(provider, **wanted))
        except Exception as refused:
            answer.set_exception(refused)

    threading.Thread(target=ask, daemon=True).start()
    return answer


def the_request(organization: Organization) -> dict:
    return until("the request in the inbox", organization.pending)[0]
