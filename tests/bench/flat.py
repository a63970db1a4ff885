"""Measures whether a call costs the same through one proxy or eight, with few known grants or a million, under few limits or many."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import bench
import grants
import load
import million
import people
import processes

SECONDS = int(os.environ.get("LATCHKEY_BENCH_SECONDS", "4"))
CLIENTS, TURNS = 16, 5
# Some 350 calls a second at each proxy, so that eight of them leave their one core some rest.
EACH, PAUSE = 4, 10
IN_USE, KNOWN = 1_000, 1_000_000
# A grant always has all of these counted over calls; its fifth limit, tokens of one call, needs no memory.
COUNTED = ["monthly_spend", "daily_spend", "requests_per_minute", "requests_per_day"]


@dataclass
class Side:
    """One of the ways that are compared: the proxies that take the calls, and what is sent to them."""

    name: str
    script: Path
    ports: list[int]
    redis: int | None
    billing: int | None
    clients: int = CLIENTS
    runs: list[dict[str, float]] = field(default_factory=list)

    def run(self) -> None:
        pids = [pid for port in self.ports if (pid := processes.listening_on(port))]
        before, redis = sum(map(processes.cpu_seconds, pids)), self._redis_seconds()
        seen = self._load(SECONDS)
        # What is finished after the answer (usage events, settling) belongs to the calls.
        time.sleep(1.0)
        per_call = 10_000 / sum(one.calls for one in seen)
        self.runs.append({
            "cpu": (sum(map(processes.cpu_seconds, pids)) - before) * per_call,
            "redis": (self._redis_seconds() - redis) * per_call,
            "rate": sum(one.per_second for one in seen),
            "p99": max(one.p99 for one in seen) * 1e3,
        })

    def warm_up(self) -> None:
        """Connections, rows in memory: what the first run has to make is no part of any."""
        self._load(2)

    def alone(self, times: int) -> None:
        """Runs in a row, and says what they cost."""
        self.warm_up()
        for _ in range(times):
            self.run()
        print(self, flush=True)

    def of(self, part: str) -> float:
        return bench.middle([run[part] for run in self.runs])

    def _load(self, seconds: int) -> list[load.Load]:
        urls = [f"http://127.0.0.1:{port}{bench.PATH}" for port in self.ports]
        # Recording calls may lag behind, and must not take the core that the load comes from.
        with processes.paused(self.billing):
            seen = load.run_all(urls, self.script, self.clients // len(urls), seconds, bench.OTHER_CORE)
        if failed := sum(one.failed for one in seen):
            said = "; ".join(one.failures for one in seen if one.failed)
            sys.exit(f"{self.name}: {failed} of {sum(one.calls for one in seen)} calls failed: {said}")
        return seen

    def _redis_seconds(self) -> float:
        return processes.cpu_seconds(self.redis) if self.redis else 0.0

    def __str__(self) -> str:
        return (f"{self.name:44}{self.of('rate'):8.0f} calls/s{self.of('p99'):7.1f} ms p99"
                f"{self.of('cpu'):9.3f} CPU s/10k, Redis {self.of('redis'):.3f}")


def in_turn(first: Side, second: Side, turns: int) -> Iterable[Side]:
    """First and second, second and first: drift of the machine hits both alike."""
    for turn in range(turns):
        yield from (first, second) if turn % 2 == 0 else (second, first)


def compare(first: Side, second: Side, turns: int = TURNS) -> float:
    """How many times the CPU of the first the second takes."""
    for side in (first, second):
        side.warm_up()
    for side in in_turn(first, second, turns):
        side.run()
    print(first, second, sep="\n", flush=True)
    return second.of("cpu") / first.of("cpu")


def same_rate(one: Side, all_of_them: Side, proxies: int) -> None:
    """The comparison is void if each of many got fewer calls than the one: a call costs more then."""
    share = all_of_them.of("rate") / proxies / one.of("rate")
    if share < 0.9:
        sys.exit(f"each proxy got {share:.2f} of the calls a second that one got alone: the core is too slow for so many")
    remark(f"{share:8.2f} of the calls a second at each")


def remark(text: str) -> None:
    """A figure without a verdict."""
    print(f"{'':44}{text}", flush=True)


class Stage:
    """The vault: all proxies on one core, all else on the other."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="latchkey-flat-"))
        self.ports = [urlsplit(url).port for url in os.environ["LATCHKEY_PROXY_URLS"].split()]
        for port in self.ports:
            self._keep(port, bench.PROXY_CORE)
        self._keep(urlsplit(os.environ["LATCHKEY_SIMULATOR_URL"]).port, bench.OTHER_CORE)
        self.billing = self._pid(urlsplit(os.environ["LATCHKEY_URL"]).port + 13)
        os.setpriority(os.PRIO_PROCESS, self.billing, 19)
        self.redis = processes.listening_on(urlsplit(os.environ["LATCHKEY_REDIS_URL"]).port or 6379)
        if self.redis:
            processes.keep_to_core(self.redis, bench.OTHER_CORE)
        else:
            print("What Redis costs is not measured: it runs elsewhere, or as somebody whose processes cannot be seen.")

    def side(self, name: str, tokens: list[str], proxies: int = 1, clients: int = CLIENTS, pause: int = 0) -> Side:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Write a short recipe. " * 40}], "max_tokens": 200}
        file = name.replace(" ", "-").replace(",", "")
        script = load.script(self.folder, file, json.dumps(body), {"content-type": "application/json"}, tokens, pause)
        return Side(name, script, self.ports[:proxies], self.redis, self.billing, clients)

    def _pid(self, port: int) -> int:
        return processes.listening_on(port) or sys.exit(f"nothing listens on port {port}")

    def _keep(self, port: int, core: int) -> None:
        processes.keep_to_core(self._pid(port), core)


def by_proxies(stage: Stage) -> list[bench.Row]:
    """As many calls a second at each of all proxies as at the one, by clients that rest between their calls: what a
    call costs depends on how many others come with it, of which a proxy finds several when it wakes. Clients that
    never rest would fill the core that all proxies share here, and each of eight would get an eighth of the calls.

    What comes of that, and of spreading the same clients over all of them, stands beside it without a verdict."""
    token, many = grants.okap_token(), len(stage.ports)

    def at(proxies: int, clients: int, pause: int = 0) -> Side:
        where = "one proxy" if proxies == 1 else f"{proxies} proxies"
        name = f"{clients} clients at {where}" + (f", {pause} ms apart" if pause else "")
        return stage.side(name, [token], proxies, clients, pause)

    one, all_of_them = at(1, EACH, PAUSE), at(many, EACH * many, PAUSE)
    ratio = compare(one, all_of_them)
    same_rate(one, all_of_them, many)
    if stage.redis:
        remark(f"{all_of_them.of('redis') / one.of('redis'):8.2f} of the CPU of Redis for a call")
    few, two = at(1, EACH * 4, PAUSE), at(2, EACH * 8, PAUSE)
    more = compare(few, two, turns=3)
    same_rate(few, two, 2)
    remark(f"{more:8.2f} with two proxies against one, four times the calls at each")
    together, spread, full = at(1, CLIENTS), at(many, CLIENTS), at(many, CLIENTS * many)
    for side in (together, spread, full):
        side.alone(3)
    remark(f"{spread.of('cpu') / together.of('cpu'):8.2f} with {CLIENTS} clients that never rest, spread over {many}")
    remark(f"{full.of('cpu') / together.of('cpu'):8.2f} with as many at each, an eighth of the core for each proxy")
    return [bench.Row(f"CPU with {many} proxies against one, the same rate at each", ratio, 1.25, 1.1)]


def by_grants(stage: Stage) -> list[bench.Row]:
    """With the same tokens on both sides, ten and then a thousand, so that only the size of the table differs:
    how many grants are in use is another question, which stands beside it without a verdict. The
    organization has a model alias: what stands beside a grant is looked up with it."""
    owner = people.Owner.new(people.Calls(people.consent_port())).token
    grants.set_alias(owner)
    real = grants.okap_token(owner=owner)
    tokens = million.grants_like(real, IN_USE)
    ten = stage.side("10 grants in use", tokens[:10])
    few = stage.side(f"{IN_USE:,} in use of {million.known():,} known", tokens)
    for side in (ten, few):
        side.warm_up()
    for side in in_turn(ten, few, 3):
        side.run()
    try:
        million.add_others(real, KNOWN)
        many = stage.side(f"{IN_USE:,} in use of {million.known():,} known", tokens)
        ten_of_many = stage.side(f"10 in use of {million.known():,} known", tokens[:10])
        for side in (ten_of_many, many):
            side.warm_up()
        for side in in_turn(ten_of_many, many, TURNS):
            side.run()
    finally:
        million.remove_others()
    # Once more with few, so that drift of the machine shows on both sides.
    for side in (few, ten):
        side.warm_up()
    for side in in_turn(few, ten, TURNS - len(few.runs)):
        side.run()
    print(ten, ten_of_many, few, many, sep="\n", flush=True)
    remark(f"{many.of('cpu') / ten.of('cpu'):8.2f} of the CPU of ten grants in use")
    return [
        bench.Row("CPU with a million known grants, ten in use, against few", ten_of_many.of("cpu") / ten.of("cpu"), 1.15, 1.05),
        bench.Row("CPU with a million known grants, a thousand in use", many.of("cpu") / few.of("cpu"), 1.15, 1.05),
    ]


def by_limits(stage: Stage) -> list[bench.Row]:
    """A lone grant is the least there is: the vault sets every limit that is not asked for. A child's child has
    the promise's twelve; in an organization with budgets it has more, which stands beside it without a verdict."""
    owner = people.Owner.new(people.Calls(people.consent_port())).token
    deepest = child_of_child(owner)
    budgets = grants.set_budgets(owner)

    def under(token: str, more: int = 0) -> Side:
        limits = len(COUNTED) * (1 + million.above(token)) + more
        return stage.side(f"{limits} limits counted for a call", [token])

    lone, deep, twelve = under(grants.okap_token()), under(deepest, budgets), under(child_of_child())
    ratio = compare(lone, twelve)
    if stage.redis:
        remark(f"{twelve.of('redis') / lone.of('redis'):8.2f} of the CPU of Redis: the script's own work")
    deep.alone(3)
    remark(f"{deep.of('cpu') / lone.of('cpu'):8.2f} of the proxy's CPU")
    return [bench.Row(f"CPU, {twelve.name}, against the least", ratio, 1.25, 1.1)]


def child_of_child(owner: str | None = None) -> str:
    """A token with two grants above its own."""
    return grants.child_token(grants.child_token(grants.okap_token(owner=owner)))


def main() -> None:
    stage = Stage()
    print(f"One core for all proxies, one for the rest; {SECONDS} s a run; the ratio of CPU per call is what holds.\n")
    rows = []
    try:
        for measure in (by_proxies, by_limits, by_grants):
            rows += measure(stage)
    finally:
        print()
        bench.show(rows)
    bench.expect_none_missed(rows)


if __name__ == "__main__":
    main()
