"""What the demo prints, and how it stops when something does not hold."""

import sys


class Broken(Exception):
    """A step of the demo does not hold; says what was seen instead."""


def step(number: int, title: str) -> None:
    print(f"\n{_bold(f'{number}  {title}')}", flush=True)


def line(what: str, happened: str) -> None:
    print(f"   {what:<22} {happened}", flush=True)


def hold(condition: object, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)


def shown(token: str) -> str:
    """A token or key, as much of it as may be shown."""
    return f"{token[:9]}…"


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
