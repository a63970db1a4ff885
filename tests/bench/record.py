"""Calls of each kind for the profile that release builds are optimized with: what many calls do, often; what few do, once in a while."""

import json
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import grants
import load
import processes

PROMPT = "Write a short recipe. " * 40
BURST = PROMPT + '[[sim {"chunks": 50}]]'
PACED = PROMPT + '[[sim {"chunks": 50, "chunk_delay_ms": 10}]]'


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="latchkey-profile-"))
    proxy = os.environ["LATCHKEY_PROXY_URLS"].split()[0]
    billing = processes.listening_on(urlsplit(os.environ["LATCHKEY_URL"]).port + 13)
    openai, anthropic = grants.okap_token(), grants.okap_token("anthropic", "claude-haiku-4-5")
    exhausted = grants.okap_token(daily_spend=0.000001)

    def call(path: str, model: str, text: str, clients: int, seconds: int, refused: bool = False, **rest) -> None:
        headers = {"content-type": "application/json"} | rest.pop("headers")
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 200} | rest
        script = load.script(folder, "call", json.dumps(body), headers)
        with processes.paused(billing):
            seen = load.run(proxy + path, script, clients, seconds, os.cpu_count() - 1)
        print(f"{model:20}{clients:4} clients{seen.calls:8} calls", flush=True)
        if seen.failed != (seen.calls if refused else 0):
            sys.exit(f"{seen.failed} of {seen.calls} calls failed: {seen.failures}")

    def chat(text: str, clients: int, seconds: int, token: str = openai, **rest) -> None:
        headers = {"authorization": f"Bearer {token}"}
        call("/v1/openai/chat/completions", "gpt-4o-mini", text, clients, seconds, headers=headers, **rest)

    chat(PROMPT, 16, 8)
    chat(PROMPT, 1, 4)
    chat('Write a "short" recipe.\n' * 2_600, 16, 4)
    chat(BURST, 16, 6, stream=True)
    chat(PACED, 64, 8, stream=True)
    chat(PROMPT, 16, 3, exhausted, refused=True)
    headers = {"x-api-key": anthropic, "anthropic-version": "2023-06-01"}
    call("/v1/anthropic/messages", "claude-haiku-4-5", PROMPT, 16, 3, headers=headers)
    call("/v1/anthropic/messages", "claude-haiku-4-5", BURST, 16, 3, headers=headers, stream=True)


if __name__ == "__main__":
    main()
