"""Measures Latchkey with everything on against nginx and no proxy at all, in one run on one upstream."""

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import floor
import grants
import load
import nginx
import pieces
import processes
import streams

PROXY_CORE, OTHER_CORE = 0, 1
SECONDS = int(os.environ.get("LATCHKEY_BENCH_SECONDS", "8"))
PATH = "/v1/openai/chat/completions"
# A model of Groq, where the stamping provider is.
STAMPED = "llama-3.1-8b-instant"


@dataclass
class Target:
    """One way from the client to the simulator, and the processes whose time it costs beside its own.

    Billing rests while it is measured, whichever it is. Recording calls may lag behind: the queue is there for that. It
    would take the core that the load comes from, and a proxy that has little to do is woken for each call, which makes
    them dearer.
    """

    name: str
    url: str
    pid: int | None
    beside: list[int] = field(default_factory=list)
    billing: int | None = None

    def measure(self, script: Path, clients: int, seconds: int = SECONDS, refused: bool = False) -> dict:
        own, others = self._cpu(), self._cpu_beside()
        with processes.paused(self.billing):
            seen = load.run(self.url, script, clients, seconds, OTHER_CORE)
        if self.pid:
            # What is finished after the answer (usage events, settling) belongs to the calls.
            time.sleep(1.0)
        expected = seen.calls if refused else 0
        if seen.failed != expected:
            sys.exit(f"{self.name}: {seen.failed} of {seen.calls} calls failed, {expected} should have: {seen.failures}")
        per_call = 10_000 / seen.calls
        return {"load": seen, "cpu": (self._cpu() - own) * per_call, "beside": (self._cpu_beside() - others) * per_call}

    def _cpu(self) -> float:
        return processes.cpu_seconds(self.pid) if self.pid else 0.0

    def _cpu_beside(self) -> float:
        return sum(map(processes.cpu_seconds, self.beside))


@dataclass
class Row:
    """One figure, and what it must be and should be."""

    what: str
    figure: float
    must: float
    aim: float
    unit: str = "x"

    @property
    def is_missed(self) -> bool:
        return self.figure > self.must

    def __str__(self) -> str:
        verdict = "aim" if self.figure <= self.aim else "MISSED" if self.is_missed else "must"
        return f"{self.what:58}{self.figure:9.2f} {self.unit:3}{self.must:9.2f}{self.aim:9.2f}   {verdict}"


def show(rows: list[Row]) -> None:
    print(f"{'':58}{'figure':>9}    {'must':>9}{'aim':>9}")
    print(*rows, sep="\n", flush=True)


def expect_none_missed(rows: list[Row]) -> None:
    if missed := sum(row.is_missed for row in rows):
        sys.exit(f"{missed} of {len(rows)} figures missed")


def middle(values: list[float]) -> float:
    return statistics.median(values)


def compare(title: str, script: Path, targets: dict[str, Target], clients: int, turns: int = 3) -> dict[str, dict]:
    """nginx and Latchkey in turn and nginx once more, so that drift of the machine hits both; the middle of each."""
    runs = {name: [] for name in ("nginx", "latchkey")}
    for name in ["nginx", "latchkey"] * turns + ["nginx"]:
        runs[name].append(targets[name].measure(script, clients))
    found = {}
    for name, all_runs in runs.items():
        found[name] = {part: middle([run[part] for run in all_runs]) for part in ("cpu", "beside")}
        rate = middle([run["load"].per_second for run in all_runs])
        print(f"{title:36}{name:10}{clients:4} clients{rate:9.0f} calls/s{found[name]['cpu']:9.3f} CPU s/10k")
    found["ratio"] = found["latchkey"]["cpu"] / found["nginx"]["cpu"]
    return found


def compare_json(script: Path, targets: dict[str, Target]) -> tuple[dict[str, dict], list[Row]]:
    """JSON calls, and around them what the floor's scripts cost the same Redis, where its process can be seen."""
    redis_pid = next(iter(targets["latchkey"].beside), None)
    if redis_pid is None:
        return compare("JSON answers", script, targets, 16), []
    bare = floor.Floor(os.environ["LATCHKEY_REDIS_URL"], redis_pid, OTHER_CORE)
    before = bare.measure()
    found = compare("JSON answers", script, targets, 16)
    after = bare.measure()
    ours, least = found["latchkey"]["beside"], (before + after) / 2
    print(f"{'Redis for a JSON call':36}{ours:.3f} CPU s/10k, {ours / found['nginx']['cpu']:.2f} of nginx's; "
          f"for the floor's two scripts {before:.3f} before, {after:.3f} after")
    return found, [Row("Redis of a JSON call, CPU against the floor's two scripts", ours / least, 1.2, 0.5)]


def added_p50(script: Path, targets: dict[str, Target]) -> float:
    """Microseconds that a lone client waits longer than without a proxy."""
    p50 = {name: targets[name].measure(script, 1, max(3, SECONDS // 2))["load"].p50 * 1e6 for name in targets}
    print(f"{'p50 of a lone client, us':36}" + ", ".join(f"{name} {value:.0f}" for name, value in p50.items()))
    return p50["latchkey"] - p50["direct"]


def refused(targets: dict[str, Target], scripts: dict[str, Path], served: float) -> list[Row]:
    """What it costs to refuse, against a call that is served."""
    rows = []
    for why, script in scripts.items():
        runs = [targets["latchkey"].measure(script, 16, max(3, SECONDS // 2), refused=True) for _ in range(2)]
        cpu = min(run["cpu"] for run in runs)
        rows.append(Row(f"refused call ({why}), CPU against a served one", cpu / served, 0.6, 0.3))
    return rows


def per_piece(port: int, latchkey: str, billing: int | None) -> Row:
    """How much longer a piece of a paced stream is under way than without a proxy, against nginx: the middle of all."""
    token = grants.okap_token("groq", STAMPED)
    stamper = os.environ["LATCHKEY_STAMPER_URL"]
    ways = {"direct": stamper, "nginx": f"http://127.0.0.1:{port}/v1/groq", "latchkey": f"{latchkey}/v1/groq"}
    body = {"model": STAMPED, "messages": [{"role": "user", "content": "Go."}]}
    runs = {name: [] for name in ways}
    for _ in range(5):
        for name, base in ways.items():
            with processes.paused(billing):
                runs[name].extend(pieces.delays(f"{base}/chat/completions", token, 8, body))
    found = {name: middle(values) for name, values in runs.items()}
    print(f"{'a piece of a stream, us':36}" + ", ".join(f"{name} {value:.0f}" for name, value in found.items()))
    ratio = (found["latchkey"] - found["direct"]) / (found["nginx"] - found["direct"])
    return Row("added delay of a piece, paced, against nginx's", ratio, 1.3, 1.15)


def held(targets: dict[str, Target], token: str) -> Row:
    """500 streams at once, by a proxy that has done nothing before: whether all end in time, and what memory they take."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": '[[sim {"chunks": 50, "chunk_delay_ms": 240}]]'}]}
    whole, slowest = streams.hold(targets["latchkey"].url, token, 500, body)
    if whole < 500:
        sys.exit(f"{500 - whole} of 500 streams did not come to their end")
    print(f"{'500 streams held for 12 s':36}all came to their end, the slowest in {slowest:.1f} s")
    return Row("memory while 500 streams are held", processes.peak_megabytes(targets["latchkey"].pid), 80, 40, "MB")


def set_the_stage(folder: Path) -> dict[str, Target]:
    """The proxy under measurement on one core, all else on the other."""
    os.sched_setaffinity(0, {OTHER_CORE})
    simulator = urlsplit(os.environ["LATCHKEY_SIMULATOR_URL"])
    proxy = urlsplit(os.environ["LATCHKEY_PROXY_URLS"].split()[0])
    port = simulator.port + 500
    stamper = urlsplit(os.environ["LATCHKEY_STAMPER_URL"])
    server = nginx.start(folder, simulator.netloc, stamper.netloc, port)
    proxy_pid, simulator_pid = processes.listening_on(proxy.port), processes.listening_on(simulator.port)
    stamper_pid = processes.listening_on(stamper.port)
    if proxy_pid is None or simulator_pid is None or stamper_pid is None:
        sys.exit("the proxy or a provider is not running")
    for pid, core in [(server.pid, PROXY_CORE), (proxy_pid, PROXY_CORE), (simulator_pid, OTHER_CORE), (stamper_pid, OTHER_CORE)]:
        processes.keep_to_core(pid, core)
    billing = processes.listening_on(urlsplit(os.environ["LATCHKEY_URL"]).port + 13)
    if billing:
        os.setpriority(os.PRIO_PROCESS, billing, 19)
    beside = []
    if redis_pid := processes.listening_on(urlsplit(os.environ["LATCHKEY_REDIS_URL"]).port or 6379):
        processes.keep_to_core(redis_pid, OTHER_CORE)
        beside.append(redis_pid)
    else:
        print("What Redis costs is not measured: it runs elsewhere, or as somebody whose processes cannot be seen.")
    direct = f"{simulator.scheme}://{simulator.netloc}/openai{PATH.replace('/openai', '')}"
    return {
        "direct": Target("direct", direct, None, [], billing),
        "nginx": Target("nginx", f"http://127.0.0.1:{port}{PATH}", server.pid, [], billing),
        "latchkey": Target("latchkey", f"{proxy.scheme}://{proxy.netloc}{PATH}", proxy_pid, beside, billing),
    }


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="latchkey-bench-"))
    exhausted = grants.okap_token(daily_spend=0.000001)
    revoked = grants.okap_token()
    grants.revoke_newest()
    token = grants.okap_token()
    targets = set_the_stage(folder)

    def asking(name: str, text: str, token: str = token, **members) -> Path:
        ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "max_tokens": 200} | members
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        return load.script(folder, name, json.dumps(ask), headers)

    prompt = "Write a short recipe. " * 40
    small = asking("small", prompt)
    print(f"One core for the proxy, one for the rest; {SECONDS} s a run; the ratio of CPU per call is what holds.\n")
    memory = held(targets, token)
    json_calls, of_redis = compare_json(small, targets)
    large = compare("prompts of 64 KB", asking("large", "Write a \"short\" recipe.\n" * 2_600), targets, 16)
    burst = compare("streams of 52 events at once", asking("burst", prompt + '[[sim {"chunks": 50}]]', stream=True), targets, 16)
    paced_text = prompt + '[[sim {"chunks": 50, "chunk_delay_ms": 10}]]'
    # Whether pieces of many streams come at the same time is chance, and what they cost goes with it: more turns.
    paced = compare("streams of 52 events, 10 ms apart", asking("paced", paced_text, stream=True), targets, 64, turns=7)
    rows = [
        Row("JSON call, CPU against nginx", json_calls["ratio"], 3.0, 2.0),
        *of_redis,
        Row("64 KB prompt, CPU against nginx", large["ratio"], 2.5, 1.3),
        Row("stream of 52 events in a burst, CPU against nginx", burst["ratio"], 4.5, 2.0),
        Row("stream paced at 10 ms, 64 at once, CPU against nginx", paced["ratio"], 1.4, 1.15),
        Row("added p50 at one client", added_p50(small, targets), 250, 150, "us"),
    ]
    scripts = {"revoked token": asking("revoked", prompt, revoked), "exhausted limit": asking("exhausted", prompt, exhausted)}
    rows += refused(targets, scripts, json_calls["latchkey"]["cpu"])

    at_nginx, at_latchkey = (urlsplit(targets[name].url) for name in ("nginx", "latchkey"))
    rows.append(per_piece(at_nginx.port, f"{at_latchkey.scheme}://{at_latchkey.netloc}", targets["latchkey"].billing))
    rows.append(memory)
    proxy, server = targets["latchkey"].pid, targets["nginx"].pid
    print(f"{'peak memory after all of this':36}nginx {processes.peak_megabytes(server):.0f} MB, latchkey {processes.peak_megabytes(proxy):.0f} MB\n")
    show(rows)
    expect_none_missed(rows)


if __name__ == "__main__":
    main()
