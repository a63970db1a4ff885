"""Measures what ten thousand waiting callers cost: the memory of the consent service, and the proxy's latency and CPU."""

import asyncio
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

import bench
import grants
import held
import load
import people
import processes

CALLERS = 10_000
PERSONS, OF_ONE_PERSON = 25, 20
# What they may cost, and by how much a call may be slower while they wait.
MOST_MEGABYTES, MOST_SLOWER = 200, 1.3


def asked() -> list[tuple[str, str]]:
    """The realistic mix: some ask somebody who is there, most an address that is nobody's; most in the
    form of the released SDK. Those who wait the shortest come last."""
    port = people.consent_port()
    owners = people.by_clients(4, port, list(range(PERSONS)), lambda calls, _: people.Owner.new(calls, with_key=False))
    somebody = [owner.handle for _ in range(OF_ONE_PERSON) for owner in owners]
    nobody = ["a" * 26] * (CALLERS - len(somebody))
    flat = [("flat", user) for user in somebody + nobody[: CALLERS * 8 // 10 - len(somebody)]]
    return flat + [("okap", user) for user in nobody[: CALLERS - len(flat)]]


class Waiting:
    """All of them, waiting in a thread of their own."""

    def __init__(self, port: int, wanted: list[tuple[str, str]]) -> None:
        self.held, self.loop = held.Held(), asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self._do(held.hold(port, wanted, self.held))

    def _do(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=120)

    def let_go(self) -> None:
        self._do(self.held.let_go())


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="latchkey-waiting-"))
    token, proxy = grants.okap_token(), urlsplit(os.environ["LATCHKEY_PROXY_URLS"].split()[0])
    port, url = people.consent_port(), f"{proxy.scheme}://{proxy.netloc}/v1/openai/chat/completions"
    consent, proxy_pid = processes.listening_on(port), processes.listening_on(proxy.port)
    if consent is None or proxy_pid is None:
        sys.exit("the consent service or the proxy is not running")
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "A short recipe."}], "max_tokens": 50})
    script = load.script(folder, "one", body, {"content-type": "application/json", "authorization": f"Bearer {token}"})
    wanted = asked()
    target = bench.Target("proxy", url, proxy_pid)
    runs = {"before": target.measure(script, 1), "during": None, "after": None}
    memory = processes.resident_megabytes(consent)
    waiting = Waiting(port, wanted)
    cost, answered = processes.resident_megabytes(consent) - memory, waiting.held.answered()
    runs["during"] = target.measure(script, 1)
    waiting.let_go()
    runs["after"] = target.measure(script, 1)
    print(f"{len(wanted)} callers wait ({answered} were refused): {cost:.0f} MB more, {cost * 1024 / len(wanted):.1f} KB each")
    base = runs["before"]
    for name, run in runs.items():
        p50, cpu = run["load"].p50, run["cpu"]
        print(f"proxy {name:8}p50 {p50 * 1e6:6.0f} us ({p50 / base['load'].p50:.2f}), CPU s/10k calls {cpu:6.2f} ({cpu / base['cpu']:.2f})")
    slower = runs["during"]["load"].p50 / base["load"].p50
    if answered >= CALLERS // 100 or cost >= MOST_MEGABYTES or slower > MOST_SLOWER:
        sys.exit(f"too much: {MOST_MEGABYTES} MB and {MOST_SLOWER} times the p50 are the bounds, and less than one in a hundred is to be refused")


if __name__ == "__main__":
    main()
