"""What is broken, and how it comes back. Only processes of this very vault are touched: by their id, as its script notes it."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

import running
from waiting import until


def redis_of_the_vault() -> redis.Redis:
    """The vault's own Redis. Refuses to be any other: what is done to it would hurt others."""
    assert (state() / "redis" / "redis.conf").exists(), "this vault has no Redis of its own: start it with --own-redis"
    return redis.Redis.from_url(running.setting("LATCHKEY_REDIS_URL"))


def forget_everything() -> None:
    redis_of_the_vault().flushall()


def state() -> Path:
    return Path(running.setting("LATCHKEY_STATE_DIR"))


def began(pid: int) -> str:
    """The clock tick at which a process began, as the vault's script notes it beside the id."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


def process(name: str) -> int:
    """The id of a process that the vault's script started, which is checked to be that process still."""
    pid, noted = (state() / "run" / name).read_text().split()
    assert began(int(pid)) == noted, f"process {pid} is not {name} any more"
    return int(pid)


@dataclass
class Killed:
    """A process that is gone, and how it had been started."""

    name: str
    command: list[str]
    variables: dict[str, str]

    def start_again(self) -> None:
        """As the vault's script does: the same program, settings, spool and log, noted for whoever stops it."""
        with (state() / "log" / f"{self.name}.log").open("ab") as log:
            child = subprocess.Popen(
                self.command,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (state() / "run" / self.name).write_text(f"{child.pid} {began(child.pid)}\n")
        ready = f"http://127.0.0.1:{self.variables['LATCHKEY_PORT']}/health/ready"
        until(f"{self.name} started again", lambda: answers(ready), seconds=30)


def kill(name: str) -> Killed:
    """As a crash would: it says nothing to anybody."""
    pid = process(name)
    command, variables = (Path(f"/proc/{pid}/{file}").read_text().rstrip("\0").split("\0") for file in ("cmdline", "environ"))
    os.kill(pid, signal.SIGKILL)
    return Killed(name, command, dict(pair.split("=", 1) for pair in variables))


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def holds() -> list[str]:
    """The calls that the limits hold money for, as they are listed: bucket and call."""
    server = redis_of_the_vault()
    found: list[str] = []
    for name in server.scan_iter(f"{running.setting('LATCHKEY_REDIS_NAMESPACE')}:*:holds"):
        found += [member.decode() for member in server.zrange(name, 0, -1)]
    return found


def limits_wait_for_more_than(others: int) -> None:
    """The others have given all they know to the epoch that is being filled, and yet nothing can be reserved."""
    server, names = redis_of_the_vault(), running.setting("LATCHKEY_REDIS_NAMESPACE")

    def answered() -> bool:
        # One that took spools over answers for these, too.
        return any(server.scard(name) >= others for name in server.scan_iter(f"{names}:*:answered"))

    until("the other proxies have answered", answered, seconds=20)
    # As long as an opening takes at the least.
    began = time.monotonic()
    until("an opening's time", lambda: time.monotonic() - began > 3, seconds=5)
    assert not server.exists(f"{names}:epoch"), "the limits are open, and nobody answered for what the dead proxy knows"


def limits_are_open() -> None:
    server, mark = redis_of_the_vault(), f"{running.setting('LATCHKEY_REDIS_NAMESPACE')}:epoch"
    until("a new epoch of the limits", lambda: server.exists(mark), seconds=30)
