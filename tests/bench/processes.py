"""CPU time and memory of processes, from /proc, and keeping them to a core."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The kind of a process's CPU clock that counts what it ran, not ticks.
SCHEDULED = 2


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [member for child in children for member in family(int(child))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children so far, to the nanosecond.

    By each process's own clock (clock_getcpuclockid(3)): what `/proc` says is counted in ticks of 10 ms, of which
    a proxy of paced streams takes some fifty in a run.
    """
    return sum(time.clock_gettime((~member) << 3 | SCHEDULED) for member in family(pid))


def peak_megabytes(pid: int) -> float:
    """The most memory a process and its children have held."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total / 1024


def resident_megabytes(pid: int) -> float:
    """The memory that a process holds now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def keep_to_core(pid: int, core: int) -> None:
    """All threads of a process and its children on one core."""
    for member in family(pid):
        subprocess.run(["taskset", "-a", "-p", "-c", str(core), str(member)], check=False, capture_output=True)


def listening_on(port: int) -> int | None:
    """The process that listens on a loopback port, if this user may see it."""
    text = subprocess.run(["ss", "-H", "-l", "-t", "-n", "-p", f"sport = :{port}"], capture_output=True, text=True).stdout
    found = [part for part in text.replace(",", " ").split() if part.startswith("pid=")]
    return int(found[0][4:]) if found else None


@contextmanager
def paused(pid: int | None) -> Iterator[None]:
    """A process rests, if there is one."""
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
