"""What every test starts from: organizations of its own in a vault that may be hurt, and the provider simulator."""

from collections.abc import Callable, Iterator

import pytest

from observer import Observer
from vault import Organization


@pytest.fixture
def organizations() -> Iterator[Callable[[], Organization]]:
    """Makes organizations that nobody else uses. The simulator tells callers apart by their key, so a grant gets one each."""
    made: list[Organization] = []

    def another() -> Organization:
        made.append(Organization.fresh())
        return made[-1]

    yield another
    for organization in made:
        organization.close()


@pytest.fixture(scope="session")
def observer() -> Observer:
    return Observer()
