"""What has to wait for a person, all of it at once: the unmodified `okap` SDK, and what goes over the wire meanwhile."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import httpx
from okap import OkapToken

import running
from asking import asking, the_request
from vault import Organization, some_machine
from waiting import begun

APPROVED_AFTER = (1, 19, 29, 45, 200)
DENIED_AFTER = 21
EXPIRES_AFTER = 300
# The first three signs of life come after this, and the answer after all of them.
SPACES, TO_THE_END = 3, 1000
NOBODY = {"never made": "a" * 26, "a ticket that was never made": f"ct_{'0' * 49}", "no address": ""}


@dataclass
class Answered:
    """What the SDK made of the answer, and how long after the decision (in seconds)."""

    answer: Future[OkapToken]
    late: float


def decided_after(seconds: float, decide: Callable[[Organization, str], None]) -> Answered:
    """The SDK asks at a handle, and the person decides so long after."""
    organization = Organization.fresh()
    try:
        organization.key("openai")
        address = organization.handle()
        asked_at = time.monotonic()
        answer = asking(address)
        request = the_request(organization)["id"]
        # The person thinks.
        threading.Event().wait(max(0.0, asked_at + seconds - time.monotonic()))
        assert not answer.done(), f"answered after {time.monotonic() - asked_at:.1f} s, undecided: {answer.exception()}"
        decided_at = time.monotonic()
        decide(organization, request)
        answer.exception(timeout=20)
        return Answered(answer, time.monotonic() - decided_at)
    finally:
        organization.close()


def approve(organization: Organization, request: str) -> None:
    organization.post(f"/requests/{request}/approve", {}, status=200)


def deny(organization: Organization, request: str) -> None:
    organization.post(f"/requests/{request}/deny", {"reason": "not this month"}, status=204)


@dataclass
class Seen:
    """All that a caller in the flat form sees: when what came, in seconds."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    times: list[float]


def watch(user: str, pieces: int) -> Seen:
    """Asks and reads until so many pieces came, or the answer is over."""
    body = {"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "Garden planner"}
    began = time.monotonic()
    with httpx.Client(base_url=running.url(), transport=some_machine(), timeout=40) as client:
        with client.stream("POST", "/okap/request", json=body, auth=(user, "")) as answer:
            headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
            seen = Seen(answer.status_code, headers, [], [])
            for piece in answer.iter_raw():
                seen.pieces.append(piece)
                seen.times.append(time.monotonic() - began)
                if len(seen.pieces) == pieces:
                    break
    return seen


def watch_somebody(pieces: int) -> Seen:
    organization = Organization.fresh()
    try:
        return watch(httpx.URL(organization.handle()).username, pieces)
    finally:
        organization.close()


def undecided() -> Answered:
    """The SDK asks at a handle, and the person never decides: how it ends, and how long (in seconds) after it asked."""
    organization = Organization.fresh()
    try:
        organization.key("openai")
        answer, asked_at = asking(organization.handle()), time.monotonic()
        answer.exception(timeout=EXPIRES_AFTER + 30)
        return Answered(answer, time.monotonic() - asked_at)
    finally:
        organization.close()


def everything() -> dict[str, Future]:
    """All of it begun, side by side: it takes as long as the longest."""
    work: dict[str, Future] = {f"approved after {seconds} s": begun(decided_after, seconds, approve) for seconds in APPROVED_AFTER}
    work |= {"denied": begun(decided_after, DENIED_AFTER, deny), "undecided": begun(undecided)}
    work |= {"somebody": begun(watch_somebody, SPACES), "somebody, to the end": begun(watch_somebody, TO_THE_END)}
    work |= {who: begun(watch, user, SPACES) for who, user in NOBODY.items()}
    return work | {"nobody, to the end": begun(watch, NOBODY["never made"], TO_THE_END)}
