"""How long the pieces of paced streams are under way, from a provider that stamps each (`stamper.py`).

The kernel says when a piece arrived (socket(7), SO_TIMESTAMPNS): when this program gets to look at it is no concern of
the proxy. Each stream begins a moment after the last one, as the streams of different people do, so that pieces seldom wait
for those of the others.
"""

import re
import selectors
import socket
import struct
import time
from urllib.parse import urlsplit

import streams
from stamper import APART, PIECES

STAMP = re.compile(rb'"content": ?"(\d+) "')
SO_TIMESTAMPNS = 35
PATIENCE = 10.0


class Stream:
    """One stream, and the microseconds that each of its pieces was under way."""

    def __init__(self, address: tuple[str, int], asking: bytes) -> None:
        self.delays: list[float] = []
        self.ended = False
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.sendall(asking)

    def read(self) -> None:
        """Takes what is there."""
        came, notes, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16))
        arrived = next((_nanoseconds(data) for _, kind, data in notes if kind == SO_TIMESTAMPNS), 0)
        stamps = STAMP.findall(came)
        if stamps and not arrived:
            raise RuntimeError("the kernel does not say when a piece arrived")
        self.delays.extend((arrived - int(stamp)) / 1000 for stamp in stamps)
        self.ended = not came or b"data: [DONE]" in came


def _nanoseconds(timespec: bytes) -> int:
    seconds, nanoseconds = struct.unpack("qq", timespec)
    return seconds * 1_000_000_000 + nanoseconds


def delays(url: str, token: str, count: int, body: dict) -> list[float]:
    """Of every piece of `count` streams that run at once: the microseconds that it was under way."""
    at, asking = urlsplit(url), streams.request(url, token, body)
    running: list[Stream] = []
    began = time.monotonic()
    with selectors.DefaultSelector() as selector:
        while len(running) < count or not all(stream.ended for stream in running):
            since = time.monotonic() - began
            if since > PIECES * APART + PATIENCE:
                raise TimeoutError("the streams did not come to their end")
            if len(running) < count and since >= len(running) * APART / count:
                running.append(Stream((at.hostname, at.port), asking))
                selector.register(running[-1].socket, selectors.EVENT_READ, running[-1])
            for key, _ in selector.select(APART / count):
                key.data.read()
                if key.data.ended:
                    selector.unregister(key.fileobj)
                    key.data.socket.close()
    found = [delay for stream in running for delay in stream.delays]
    if len(found) != count * PIECES:
        raise RuntimeError(f"{len(found)} of {count * PIECES} pieces arrived")
    return found
