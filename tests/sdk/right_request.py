"""A request that the vault says yes to."""

from dataclasses import dataclass, field

import httpx

import running
from vault import some_machine

CALLBACK = "https://fuzz.test/back"


@dataclass
class Right:
    """What a request consists of that is answered with yes."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict | None = None


def call(method: str, path: str, expected: int, **more) -> httpx.Response:
    """Calls from some machine, so that what makes requests right uses up nobody's pace."""
    with httpx.Client(base_url=running.url(), transport=some_machine(), timeout=20) as client:
        answer = client.request(method, path, **more)
    assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer
