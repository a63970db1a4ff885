"""Waiting for a person: the unmodified `okap` SDK, and what goes over the wire meanwhile. Real time, all of it at once,
begun with the first test of the run (`patience.py`); here is what came of it."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from okap.errors import AccessDeniedError

import running
from patience import APPROVED_AFTER, EXPIRES_AFTER, NOBODY, SPACES
from vault import Organization, detail, some_machine

# The vault is silent for so long, and then sends a space now and then, which the SDK takes for signs of life.
SILENT, SPACE_EVERY = 20, 10
# Longer than anything takes that ends as it should.
WAITS_AT_MOST = EXPIRES_AFTER + 60


@pytest.mark.slow
@pytest.mark.timeout(WAITS_AT_MOST)
@pytest.mark.parametrize("seconds", APPROVED_AFTER)
def test_an_approval_reaches_the_sdk_however_long_the_person_took(batch: dict[str, Future], seconds: int) -> None:
    answered = batch[f"approved after {seconds} s"].result(WAITS_AT_MOST)
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


@pytest.mark.slow
@pytest.mark.timeout(WAITS_AT_MOST)
def test_what_nobody_decides_expires_in_the_sdks_own_exception(batch: dict[str, Future]) -> None:
    ended = batch["undecided"].result(WAITS_AT_MOST)
    with pytest.raises(AccessDeniedError) as expired:
        ended.answer.result()
    assert expired.value.code == "request_expired" and str(expired.value)
    assert ended.late == pytest.approx(EXPIRES_AFTER, abs=5)


@pytest.mark.slow
@pytest.mark.timeout(WAITS_AT_MOST)
def test_nobodys_address_ends_like_somebodys(batch: dict[str, Future]) -> None:
    somebody, nobody = (batch[f"{who}, to the end"].result(WAITS_AT_MOST) for who in ("somebody", "nobody"))
    assert b"request_expired" in somebody.pieces[-1]
    assert (nobody.status, nobody.headers, nobody.pieces) == (somebody.status, somebody.headers, somebody.pieces)
    assert somebody.times[-1] == pytest.approx(EXPIRES_AFTER, abs=5)
    assert nobody.times[-1] == pytest.approx(somebody.times[-1], abs=2.5)
