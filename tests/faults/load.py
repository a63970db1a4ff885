"""Many callers at once, each on a line of its own: cheap enough that five hundred of them do not wait for each other."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from simulator import told
from vault import Grant

MODEL = "gpt-4o-mini"
# Every call is known by its number: it may use so many output tokens above this, and uses so many input tokens below
# the most that it may.
FIRST = 1000
# Of the prompt the vault takes a byte for a token at most, and adds these.
BODY_BYTES = 3500
ADDED = 64
WIDEST = BODY_BYTES + ADDED


@dataclass
class Told:
    """How one call is to go at the simulator. `number` is unique within its grant, below 2,000."""

    number: int
    chunks: int = 20
    chunk_delay_ms: int = 400
    sparing: bool = False

    @property
    def input_tokens(self) -> int:
        return WIDEST - self.number

    @property
    def cap(self) -> int:
        return FIRST + self.number

    def body(self) -> bytes:
        """Always `BODY_BYTES` long, so that its worst case depends on `cap` alone."""
        output = self.cap // 3 if self.sparing else self.cap
        script = told(
            input_tokens=self.input_tokens,
            output_tokens=output,
            chunks=self.chunks,
            chunk_delay_ms=self.chunk_delay_ms,
        )
        body = {"model": MODEL, "max_completion_tokens": self.cap, "stream": True, "user": ""}
        body["messages"] = [{"role": "user", "content": script}]
        body["user"] = "u" * (BODY_BYTES - len(json.dumps(body)))
        return json.dumps(body).encode()


@dataclass
class Answer:
    """All that came back, and when its last byte did. Status 0: the line broke before one came."""

    status: int = 0
    raw: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    ended_at: float = 0.0

    @property
    def whole(self) -> bool:
        return b"data: [DONE]" in self.raw

    def says(self, error: str) -> bool:
        return error.encode() in self.raw


async def call(grant: Grant, proxy: str, body: bytes, began: asyncio.Event | None = None) -> Answer:
    """One call at one proxy, to its end or until the line breaks. Sets `began` when content has come."""
    address, path = urlsplit(proxy), urlsplit(grant.base_url("openai")).path + "/chat/completions"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {grant.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    answer = Answer()
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(head.encode() + body)
            while piece := await reader.read(65536):
                answer.raw += piece
                if began and b"data:" in answer.raw:
                    began.set()
        finally:
            writer.close()
    except OSError:
        pass
    answer.ended_at = time.monotonic()
    understand(answer)
    return answer


def understand(answer: Answer) -> None:
    head, _, _ = answer.raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if first.startswith("HTTP/1.1 "):
        answer.status = int(first.split(" ")[1])
        answer.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
