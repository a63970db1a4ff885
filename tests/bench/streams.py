"""Streams that are held: whether many at once come to their end, and how long that takes."""

import asyncio
import json
import time
from urllib.parse import urlsplit


async def _one(host: str, port: int, asking: bytes) -> tuple[bool, float]:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(asking)
    ended = False
    while not ended:
        came = await reader.read(65536)
        if not came:
            break
        ended = b"data: [DONE]" in came
    writer.close()
    return ended, time.monotonic() - began


def request(url: str, token: str, body: dict) -> bytes:
    """What asks for a stream."""
    at = urlsplit(url)
    text = json.dumps(body | {"stream": True, "max_tokens": 200}).encode()
    head = (f"POST {at.path} HTTP/1.1\r\nhost: {at.netloc}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n")
    return head.encode() + text


async def _all(url: str, token: str, count: int, body: dict) -> list[tuple[bool, float]]:
    at, asking = urlsplit(url), request(url, token, body)
    return await asyncio.gather(*(_one(at.hostname, at.port, asking) for _ in range(count)))


def hold(url: str, token: str, count: int, body: dict) -> tuple[int, float]:
    """How many of `count` streams came to their end, and the seconds of the slowest."""
    done = asyncio.run(_all(url, token, count, body))
    return sum(whole for whole, _ in done), max(took for _, took in done)
