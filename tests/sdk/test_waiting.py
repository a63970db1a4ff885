"""Waiting for a person: the unmodified `okap` SDK, and what goes over the wire meanwhile. Real time, all of it at once."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from okap import OkapToken
from okap.errors import AccessDeniedError

import running
from asking import asking, the_request
from vault import Organization, detail, some_machine

APPROVED_AFTER = (1, 19, 29, 45)
DENIED_AFTER = 21
# The vault is silent for so long, and then sends a space now and then, which the SDK takes for signs of life.
SILENT, SPACE_EVERY, SPACES = 20, 10, 3
NOBODY = {"never made": "a" * 26, "a ticket that was never made": f"ct_{'0' * 49}", "no address": ""}

# Minutes long, for who has them: LATCHKEY_PATIENT=1.
PATIENT = pytest.mark.skipif("LATCHKEY_PATIENT" not in os.environ, reason="takes five minutes; set LATCHKEY_PATIENT=1")


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


@pytest.fixture(scope="module")
def batch() -> Iterator[dict[str, Future]]:
    """Everything that has to wait, side by side: it takes as long as the longest of them."""
    with ThreadPoolExecutor(16) as all_at_once:
        work = {f"approved after {seconds} s": all_at_once.submit(decided_after, seconds, approve) for seconds in APPROVED_AFTER}
        work["denied"] = all_at_once.submit(decided_after, DENIED_AFTER, deny)
        work["somebody"] = all_at_once.submit(watch_somebody, SPACES)
        work |= {who: all_at_once.submit(watch, user, SPACES) for who, user in NOBODY.items()}
        yield work


@pytest.mark.slow
@pytest.mark.parametrize("seconds", APPROVED_AFTER)
def test_an_approval_reaches_the_sdk_however_long_the_person_took(batch: dict[str, Future], seconds: int) -> None:
    answered = batch[f"approved after {seconds} s"].result(timeout=100)
    assert answered.answer.result().token.startswith("okap_")
    assert answered.late < 2.5


@pytest.mark.slow
def test_a_denial_reaches_the_sdk_after_the_first_sign_of_life(batch: dict[str, Future]) -> None:
    answered = batch["denied"].result(timeout=100)
    with pytest.raises(AccessDeniedError) as denied:
        answered.answer.result()
    assert denied.value.code == "user_denied" and "not this month" in str(denied.value)
    assert answered.late < 2.5


@pytest.mark.slow
@pytest.mark.parametrize("who", NOBODY)
def test_nobodys_address_is_silent_and_gives_signs_of_life_like_somebodys(batch: dict[str, Future], who: str) -> None:
    somebody, nobody = batch["somebody"].result(timeout=100), batch[who].result(timeout=100)
    assert (nobody.status, nobody.headers) == (somebody.status, somebody.headers)
    assert nobody.pieces == somebody.pieces == [b" "] * SPACES
    for times in (somebody.times, nobody.times):
        assert times == pytest.approx([SILENT + n * SPACE_EVERY for n in range(SPACES)], abs=2.5)


@PATIENT
@pytest.mark.timeout(400)
def test_two_hundred_seconds_are_not_too_long_and_three_hundred_are_the_end() -> None:
    with ThreadPoolExecutor(3) as all_at_once:
        approved = all_at_once.submit(decided_after, 200, approve)
        somebody = all_at_once.submit(watch_somebody, 1000)
        nobody = all_at_once.submit(watch, NOBODY["never made"], 1000)
        assert approved.result().answer.result().token.startswith("okap_")
        somebody, nobody = somebody.result(), nobody.result()
    assert b"request_expired" in somebody.pieces[-1]
    assert (nobody.status, nobody.headers, nobody.pieces) == (somebody.status, somebody.headers, somebody.pieces)
    assert somebody.times[-1] == pytest.approx(300, abs=5) and nobody.times[-1] == pytest.approx(somebody.times[-1], abs=2.5)


def test_a_hundred_who_use_one_ticket_at_once_leave_one_grant(organization: Organization) -> None:
    organization.key("openai")
    user = httpx.URL(organization.ticket("openai")).username
    body = {"okap": "1.0", "authorization_details": [detail(models=["gpt-4o-mini"])], "client": {"name": "Notebook"}}
    together = threading.Barrier(100)

    def use(_: int) -> httpx.Response:
        # Each from a machine of its own: the vault counts how often one knocks.
        with httpx.Client(base_url=running.url(), transport=some_machine(), timeout=60) as client:
            together.wait(timeout=60)
            return client.post("/okap/authorize", json=body, auth=(user, ""), headers={"prefer": "wait=0"})

    with ThreadPoolExecutor(100) as all_at_once:
        answers = list(all_at_once.map(use, range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] + [202] * 99
    assert [answer.json()["status"] for answer in answers if "okap_" in answer.text] == ["granted"]
    assert len(organization.get("/grants")["items"]) == 1
    assert organization.pending() == []
