"""Many callers at once that wait for somebody's decision: raw connections, each from one of many loopback addresses."""

import asyncio
import base64
import json
import resource
from dataclasses import dataclass, field

# The vault keeps fifty callers of one network waiting, and lets it ask sixty times a minute.
OF_ONE_MACHINE = 50
# So many come in a second: what is measured is those who wait, not those who arrive.
A_SECOND = 300


class TooFewFiles(Exception):
    """This process may not open so many connections."""


@dataclass
class Held:
    """Open connections, each with a request that nobody has answered."""

    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def let_go(self) -> None:
        for _, writer in self.connections:
            writer.transport.abort()
        self.connections.clear()
        await asyncio.sleep(0)

    def answered(self) -> int:
        """How many are no longer waiting: their connection ended, or JSON came."""
        return sum(reader.at_eof() or b"{" in bytes(reader._buffer) for reader, _ in self.connections)  # noqa: SLF001


def allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise TooFewFiles(f"{count} open files are needed, {hard} are allowed: raise the limit (ulimit -n)")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def request_of(form: str, user: str, port: int) -> bytes:
    """One request in the `flat` or the `okap` form, at the address that this user part names."""
    if form == "flat":
        path, body = "/okap/request", {"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "Waiting"}
    else:
        wanted = {"type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"]}
        path, body = "/okap/authorize", {"okap": "1.0", "authorization_details": [wanted], "client": {"name": "Waiting"}}
    text = json.dumps(body).encode()
    basic = base64.b64encode(f"{user}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Basic {basic}\r\nprefer: wait=25\r\n"
        f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


async def hold(port: int, asked: list[tuple[str, str]], held: Held) -> None:
    """Sends a request for each (form, user part), and leaves all of them open."""
    allow_files(len(held.connections) + len(asked) + 200)
    first = len(held.connections)

    async def one(number: int, form: str, user: str) -> None:
        machine = number // OF_ONE_MACHINE
        address = f"127.{100 + machine // 250}.{machine % 250 + 1}.1"
        await asyncio.sleep((number - first) / A_SECOND)
        opened = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0), limit=1024)
        held.connections.append(opened)
        opened[1].write(request_of(form, user, port))
        await opened[1].drain()

    await asyncio.gather(*(one(first + n, form, user) for n, (form, user) in enumerate(asked)))
