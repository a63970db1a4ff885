"""Runs wrk and reads what it says."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass
class Load:
    """What one run of wrk saw."""

    calls: int
    seconds: float
    failed: int
    # In wrk's words.
    failures: str
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


# Each call with the next token; they are put together before the first.
IN_TURN = """local requests, turn = {}, 0
function init()
  for n, token in ipairs(tokens) do
    wrk.headers["authorization"] = "Bearer " .. token
    requests[n] = wrk.format()
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end"""


def script(folder: Path, name: str, body: str, headers: dict[str, str], tokens: list[str] | None = None, pause: int = 0) -> Path:
    """Writes the wrk script of one kind of call; with `tokens`, these are used in turn. A client waits `pause` ms
    between an answer and its next call."""
    lines = ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
    lines += [f'wrk.headers["{key}"] = "{value}"' for key, value in headers.items()]
    if tokens:
        lines += [f"local tokens = {{{', '.join(map(json.dumps, tokens))}}}", IN_TURN]
    if pause:
        lines.append(f"function delay() return {pause} end")
    path = folder / f"{name}.lua"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def run(url: str, script_path: Path, clients: int, seconds: int, core: int) -> Load:
    """Keeps `clients` connections busy for some seconds, from one core."""
    (seen,) = run_all([url], script_path, clients, seconds, core)
    return seen


def run_all(urls: list[str], script_path: Path, clients: int, seconds: int, core: int) -> list[Load]:
    """The same at several addresses at once, with `clients` connections to each."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency",
               "--timeout", "20s", "-s", str(script_path)]
    running = [subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for url in urls]
    texts = [one.communicate(timeout=seconds + 60) for one in running]
    for one, (_, complaint) in zip(running, texts):
        if one.returncode != 0:
            sys.exit(f"wrk ended with {one.returncode}: {complaint}")
    return [_read(text) for text, _ in texts]


def _read(text: str) -> Load:
    calls, took = re.search(r"(\d+) requests in ([\d.]+(?:us|ms|s|m))", text).groups()
    failures = ", ".join(re.findall(r"(?:Non-2xx or 3xx responses|Socket errors): .*", text))
    failed = sum(map(int, re.findall(r"(?:responses:|connect|read|write|timeout) (\d+)", failures)))
    return Load(
        calls=int(calls),
        seconds=_seconds(took),
        failed=failed,
        failures=failures,
        p50=_seconds(re.search(r"^\s+50%\s+(\S+)", text, re.M).group(1)),
        p99=_seconds(re.search(r"^\s+99%\s+(\S+)", text, re.M).group(1)),
    )
