"""Ten thousand callers that wait for a person, on one consent process, cost it little memory."""

import running
import processes
import pytest
import waiters

MEGABYTES = 200


@pytest.mark.timeout(240)
def test_ten_thousand_waiting_callers_cost_less_than_200_megabytes() -> None:
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
    assert cost < MEGABYTES, f"{cost:.0f} MB for {len(wanted)} callers"
