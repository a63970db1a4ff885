"""What every test starts from: an organization of its own in the running vault, and the provider simulator."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

import patience
from simulator import Simulator
from vault import Organization


@pytest.fixture
def organization() -> Iterator[Organization]:
    made = Organization.fresh()
    yield made
    made.close()


@pytest.fixture
def other_organization() -> Iterator[Organization]:
    made = Organization.fresh()
    yield made
    made.close()


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture(scope="session")
def batch() -> dict[str, Future]:
    """Everything that has to wait for a person."""
    return patience.everything()


@pytest.fixture(scope="session", autouse=True)
def waiting_begins_first(request: pytest.FixtureRequest) -> None:
    """The other tests run meanwhile, where any of these asks for what has to wait."""
    if any("batch" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("batch")
