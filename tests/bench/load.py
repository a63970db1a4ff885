"""Runs wrk and reads what it says."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass
class Load:
    """What one run of wrk saw."""

    calls: int
    seconds: float
    failed: int
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def script(folder: Path, name: str, body: str, headers: dict[str, str]) -> Path:
    """Writes the wrk script of one kind of call."""
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
    lines += [f'wrk.headers["{key}"] = "{value}"' for key, value in headers.items()]
    path = folder / f"{name}.lua"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def run(url: str, script_path: Path, clients: int, seconds: int, core: int) -> Load:
    """Keeps `clients` connections busy for some seconds, from one core."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency",
               "--timeout", "20s", "-s", str(script_path), url]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    calls, took = re.search(r"(\d+) requests in ([\d.]+(?:us|ms|s|m))", text).groups()
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    socket = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    failed = int(errors.group(1)) if errors else 0
    failed += sum(map(int, socket.groups())) if socket else 0
    return Load(
        calls=int(calls),
        seconds=_seconds(took),
        failed=failed,
        p50=_seconds(re.search(r"^\s+50%\s+(\S+)", text, re.M).group(1)),
        p99=_seconds(re.search(r"^\s+99%\s+(\S+)", text, re.M).group(1)),
    )
