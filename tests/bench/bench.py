"""Measures Latchkey with everything on against nginx and no proxy at all, in one run on one upstream."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import load
import processes

PROXY_CORE, OTHER_CORE = 0, 1
SECONDS = int(os.environ.get("LATCHKEY_BENCH_SECONDS", "8"))
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream provider {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location /v1/openai/ {{
      proxy_pass http://provider/openai/v1/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {key}"; proxy_buffering off;
    }}
  }}
}}
"""


def api(method: str, path: str, body: dict) -> dict:
    request = urllib.request.Request(
        os.environ["LATCHKEY_URL"] + path, json.dumps(body).encode(), method=method,
        headers={"content-type": "application/json", "authorization": f"Bearer {os.environ['LATCHKEY_OWNER_TOKEN']}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"{}")


def okap_token() -> str:
    """A grant with every limit set, high enough not to end the run."""
    keys = api_list("/api/v1/provider-keys")
    if not any(key["provider"] == "openai" for key in keys):
        api("POST", "/api/v1/provider-keys", {"provider": "openai", "name": "Bench", "secret": KEY})
    ticket = api("POST", "/api/v1/connect-tickets", {"label": "Bench", "ceiling": {
        "providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "3000000", "days": 1,
        "requests_per_minute": 1000000, "requests_per_day": 100000000}})
    url = urlsplit(ticket["url"])
    body = {"okap": "1.0", "client": {"name": "Bench"}, "authorization_details": [{
        "type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"], "capabilities": ["chat"],
        "limits": {"monthly_spend": 3000000, "daily_spend": 2000000, "requests_per_minute": 1000000,
                   "requests_per_day": 100000000, "tokens_per_request": 100000}}]}
    request = urllib.request.Request(
        os.environ["LATCHKEY_URL"] + "/okap/authorize", json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {url.username}"})
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())["token"]


def api_list(path: str) -> list[dict]:
    request = urllib.request.Request(
        os.environ["LATCHKEY_URL"] + path, headers={"authorization": f"Bearer {os.environ['LATCHKEY_OWNER_TOKEN']}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())["items"]


def start_nginx(folder: Path, upstream: str, port: int) -> subprocess.Popen:
    folder.joinpath("nginx.conf").write_text(NGINX.format(folder=folder, upstream=upstream, port=port, key=KEY))
    nginx = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder)])
    atexit.register(nginx.terminate)
    deadline = time.monotonic() + 10
    while processes.listening_on(port) is None:
        if time.monotonic() > deadline:
            sys.exit("nginx does not listen")
        time.sleep(0.05)
    return nginx


class Target:
    """One way from the client to the simulator."""

    def __init__(self, name: str, url: str, pid: int | None):
        self.name, self.url, self.pid = name, url, pid

    def measure(self, script: Path, clients: int, seconds: int = SECONDS) -> dict:
        before = processes.cpu_seconds(self.pid) if self.pid else 0.0
        seen = load.run(self.url, script, clients, seconds, OTHER_CORE)
        if self.pid:
            # What is finished after the answer (usage events, settling) belongs to the calls.
            time.sleep(1.0)
        cpu = (processes.cpu_seconds(self.pid) - before) if self.pid else 0.0
        if seen.failed:
            sys.exit(f"{self.name}: {seen.failed} of {seen.calls} calls failed")
        return {"load": seen, "cpu": cpu / seen.calls * 10_000}


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def compare(title: str, script: Path, targets: dict[str, Target], clients: int) -> float:
    """nginx and Latchkey in turn, so that drift of the machine hits both."""
    runs = {name: [] for name in targets}
    for name in ["direct", "nginx", "latchkey", "nginx", "latchkey", "nginx"]:
        runs[name].append(targets[name].measure(script, clients))
    single = {name: targets[name].measure(script, 1, max(3, SECONDS // 2))["load"] for name in targets}
    print(f"\n{title}, {clients} clients; latency with one client")
    print(f"{'':12}{'calls/s':>10}{'CPU s/10k':>12}{'x nginx':>10}{'p50 us':>10}{'added p50':>12}{'p99 us':>10}{'added p99':>12}")
    base = middle([run["cpu"] for run in runs["nginx"]])
    ratio = 0.0
    for name, all_runs in runs.items():
        cpu = middle([run["cpu"] for run in all_runs])
        rate = middle([run["load"].per_second for run in all_runs])
        one, direct = single[name], single["direct"]
        ratio = cpu / base if name == "latchkey" else ratio
        print(f"{name:12}{rate:10.0f}{cpu:12.3f}{cpu / base:10.2f}{one.p50 * 1e6:10.0f}{(one.p50 - direct.p50) * 1e6:12.0f}"
              f"{one.p99 * 1e6:10.0f}{(one.p99 - direct.p99) * 1e6:12.0f}")
    return ratio


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="latchkey-bench-"))
    token = okap_token()
    simulator = urlsplit(os.environ["LATCHKEY_SIMULATOR_URL"])
    proxy = urlsplit(os.environ["LATCHKEY_PROXY_URLS"].split()[0])
    port = simulator.port + 500
    nginx = start_nginx(folder, simulator.netloc, port)
    proxy_pid, simulator_pid = processes.listening_on(proxy.port), processes.listening_on(simulator.port)
    if proxy_pid is None or simulator_pid is None:
        sys.exit("the proxy or the simulator is not running")
    for pid, core in [(nginx.pid, PROXY_CORE), (proxy_pid, PROXY_CORE), (simulator_pid, OTHER_CORE)]:
        processes.keep_to_core(pid, core)
    # Recording calls is billing's work and may lag behind: the queue is there for that. It must not
    # take the core that the load comes from.
    billing_pid = processes.listening_on(urlsplit(os.environ["LATCHKEY_URL"]).port + 13)
    if billing_pid:
        os.setpriority(os.PRIO_PROCESS, billing_pid, 19)
    redis_port = urlsplit(os.environ["LATCHKEY_REDIS_URL"]).port or 6379
    if redis_pid := processes.listening_on(redis_port):
        processes.keep_to_core(redis_pid, OTHER_CORE)

    path = "/v1/openai/chat/completions"
    targets = {
        "direct": Target("direct", f"{simulator.scheme}://{simulator.netloc}/openai{path.replace('/openai', '')}", None),
        "nginx": Target("nginx", f"http://127.0.0.1:{port}{path}", nginx.pid),
        "latchkey": Target("latchkey", f"{proxy.scheme}://{proxy.netloc}{path}", proxy_pid),
    }
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    prompt = "Write a short recipe. " * 40
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], "max_tokens": 200}
    small = load.script(folder, "small", json.dumps(ask), headers)
    ask["messages"][0]["content"] += '[[sim {"chunks": 50}]]'
    stream = load.script(folder, "stream", json.dumps(ask | {"stream": True}), headers)

    print(f"One core for the proxy, one for the rest; {SECONDS} s a run; the ratio of CPU per call is what holds.")
    ratios = [
        compare("small JSON answers", small, targets, 16),
        compare("streams of 50 chunks", stream, targets, 16),
    ]
    print(f"\npeak memory: nginx {processes.peak_megabytes(nginx.pid):.0f} MB, latchkey {processes.peak_megabytes(proxy_pid):.0f} MB")
    print(f"CPU per call against nginx: JSON {ratios[0]:.2f}, streams {ratios[1]:.2f} (first bar: 5)")


if __name__ == "__main__":
    main()
