"""Waiting for something to be so: asked again and again until a deadline, never a blind sleep."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


def begun(work: Callable[..., Answer], *arguments: object, **named: object) -> Future[Answer]:
    """What works in the background, in a thread that nobody has to wait for, not even the end of the tests."""
    answer: Future[Answer] = Future()

    def do() -> None:
        try:
            answer.set_result(work(*arguments, **named))
        except BaseException as failed:
            answer.set_exception(failed)

    threading.Thread(target=do, daemon=True).start()
    return answer


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
