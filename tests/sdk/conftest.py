"""What every test starts from: an organization of its own in the running vault, and the provider simulator."""

from collections.abc import Iterator

import pytest

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
