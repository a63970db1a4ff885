"""The running vault: what `./latchkey up` wrote into the environment."""

import os

import pytest


def setting(name: str, may_be_empty: bool = False) -> str:
    value = os.environ.get(name, "")
    if not value and not (may_be_empty and name in os.environ):
        pytest.exit(f"{name} is not set: start a vault with ./latchkey up and run the tests with ./latchkey test sdk", 2)
    return value


def url() -> str:
    return setting("LATCHKEY_URL")


def proxy_urls() -> list[str]:
    """Every proxy by itself, without the gateway in front; the vault itself when it is one process."""
    return setting("LATCHKEY_PROXY_URLS").split()
