"""Ten thousand callers wait for a person on one consent process; in a release build they cost it little memory."""

import running
import processes
import pytest
import waiters

MEGABYTES = 200


@pytest.mark.timeout(240)
def test_ten_thousand_callers_are_kept_waiting() -> None:
    if running.setting("LATCHKEY_MODE") != "split":
        pytest.skip("the consent service has no process of its own here")
    port = waiters.people.consent_port()
    consent = processes.listening_on(port)
    assert consent is not None
    wanted = waiters.asked()
    assert len(wanted) == 10_000
    before = processes.resident_megabytes(consent)
    callers = waiters.Waiting(port, wanted)
    try:
        cost, answered = processes.resident_megabytes(consent) - before, callers.held.answered()
    finally:
        callers.let_go()
    # A few may be refused when all of them come within seconds.
    assert answered < 100, f"{answered} of {len(wanted)} were not kept waiting"
    print(f"{cost:.0f} MB for {len(wanted)} callers")
    # What a build without optimisation needs says nothing of what is deployed.
    if running.setting("LATCHKEY_PROFILE") == "release":
        assert cost < MEGABYTES, f"{cost:.0f} MB for {len(wanted)} callers"
