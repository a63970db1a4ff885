"""Waiting for something to be so: asked again and again until a deadline, never a blind sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def until(what: str, ask: Callable[[], Answer], seconds: float = 10.0) -> Answer:
    """The first true answer; fails saying `what` did not come, and what was answered last."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last answer: {answer!r}")
        time.sleep(0.05)
