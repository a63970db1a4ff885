"""Streams read by a client that looks at its watch: whether many at once end in time, and how long a piece is under way."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit


STAMP = re.compile(rb'"content": ?"(\d+) "')


async def _one(host: str, port: int, request: bytes, look: Callable[[bytes], None]) -> tuple[bool, float]:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    ended = False
    while not ended:
        came = await reader.read(65536)
        if not came:
            break
        look(came)
        ended = b"data: [DONE]" in came
    writer.close()
    return ended, time.monotonic() - began


async def _all(url: str, token: str, count: int, body: dict, look: Callable[[bytes], None]) -> list[tuple[bool, float]]:
    at = urlsplit(url)
    text = json.dumps(body | {"stream": True, "max_tokens": 200}).encode()
    head = (f"POST {at.path} HTTP/1.1\r\nhost: {at.netloc}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n")
    return await asyncio.gather(*(_one(at.hostname, at.port, head.encode() + text, look) for _ in range(count)))


def hold(url: str, token: str, count: int, body: dict) -> tuple[int, float]:
    """How many of `count` streams came to their end, and the seconds of the slowest."""
    done = asyncio.run(_all(url, token, count, body, lambda came: None))
    return sum(whole for whole, _ in done), max(took for _, took in done)


def delay(url: str, token: str, count: int, body: dict) -> float:
    """Microseconds that half of the pieces of `count` streams are under way at most, from a provider that stamps them."""
    delays: list[float] = []

    def look(came: bytes) -> None:
        now = time.monotonic_ns()
        delays.extend((now - int(stamp)) / 1000 for stamp in STAMP.findall(came))

    asyncio.run(_all(url, token, count, body, look))
    return sorted(delays)[len(delays) // 2]
