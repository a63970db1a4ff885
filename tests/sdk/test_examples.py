"""The examples of the page for developers: what the page shows is what runs here, file by file, unmodified. And those of
the README, with an address of this vault in the place of the one that they name."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import running
from person import Person
from simulator import Simulator
from vault import Organization, detail

EXAMPLES = Path(__file__).parents[1] / "examples"
README = Path(__file__).parents[2] / "README.md"
README_VAULT, README_ADDRESS = "https://vault.example.com", "https://ct_…@vault.example.com"
PROGRAMS = {".py": sys.executable, ".mjs": "node", ".sh": "sh"}
CODE, REFRESH = "authorization_code", "refresh_token"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
SANDBOX = {"models": [], "capabilities": ["chat", "embeddings"]}
SECONDS = 60


class Shown(HTMLParser):
    """The texts of a page's examples, by name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.open: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        name = dict(attributes).get("id") or ""
        if tag == "code" and name.startswith("example-"):
            self.open = name.removeprefix("example-")
            self.texts[self.open] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self.open = None

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open] += data


@contextmanager
def started(name: str, **environment: str) -> Iterator[subprocess.Popen]:
    """One example, running as a program of its own; nothing is told to it but these variables."""
    told = {"PATH": os.environ["PATH"], "LATCHKEY_URL": running.url(), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    pipe = subprocess.PIPE
    example = subprocess.Popen(
        [PROGRAMS[Path(name).suffix], EXAMPLES / name], env=told, stdout=pipe, stderr=pipe, text=True, cwd=EXAMPLES
    )
    try:
        yield example
    finally:
        example.kill()
        example.wait()


def said(example: subprocess.Popen) -> list[str]:
    """What it says until its end, which is a good one."""
    out, err = example.communicate(timeout=SECONDS)
    assert example.returncode == 0, f"{example.args}: {out}\n{err}"
    return out.splitlines()


def ran(name: str, **environment: str) -> list[str]:
    with started(name, **environment) as example:
        return said(example)


def first_line(example: subprocess.Popen) -> str:
    line = example.stdout.readline() if example.stdout else ""
    assert line, f"{example.args}: {example.communicate(timeout=SECONDS)}"
    return line


def sandbox_token(organization: Organization) -> str:
    address = httpx.URL(organization.ticket("sandbox", monthly_spend="1"))
    wanted = {"okap": "1.0", "authorization_details": [detail("sandbox", **SANDBOX)], "client": {"name": "Example"}}
    answer = organization.app.post("/okap/authorize", json=wanted, auth=(address.username, ""))
    assert answer.status_code == 200, answer.text
    return answer.json()["token"]


def registered(organization: Organization, *types: str) -> str:
    back = {"redirect_uris": ["http://127.0.0.1/callback"]} if CODE in types else {}
    return organization.post("/apps", {"name": "My first app", "grant_types": list(types)} | back)["client_id"]


def nothing_is_connected(organization: Organization) -> bool:
    return all(grant["state"] == "revoked" for grant in organization.get("/grants")["items"])


def test_the_page_shows_these_files_and_no_others() -> None:
    page = httpx.get(f"{running.url()}/developers", headers={"accept": "text/html"})
    assert page.status_code == 200
    files = {file.name: file.read_text() for file in EXAMPLES.iterdir() if file.suffix in PROGRAMS}
    shown = Shown(page.text).texts
    assert shown.keys() == files.keys()
    for name, text in files.items():
        assert shown[name] == text, name


def test_every_model_of_the_sandbox_is_explained(organization: Organization) -> None:
    token = sandbox_token(organization)
    models = httpx.get(f"{running.url()}/v1/sandbox/models", headers={"authorization": f"Bearer {token}"}).json()["data"]
    page = httpx.get(f"{running.url()}/developers", headers={"accept": "text/html"}).text
    assert models and all(f"<code>{model['id']}</code></th>" in page for model in models)


def test_from_a_ticket_to_an_answer_with_curl(organization: Organization) -> None:
    (token,) = ran("connect.sh", OKAP_ADDRESS=organization.ticket("sandbox", monthly_spend="100", label="Example"))
    assert token.startswith("okap_")
    answer = "".join(ran("call.sh", OKAP_TOKEN=token))
    assert '"content":"Hello from curl"' in answer


@pytest.mark.parametrize(("name", "library"), [("oauth_code.py", "Authlib"), ("oauth_code.mjs", "openid-client")])
def test_a_web_redirect_is_walked_to_its_end(organization: Organization, name: str, library: str) -> None:
    with started(name, LATCHKEY_CLIENT_ID=registered(organization, CODE, REFRESH)) as example:
        address = first_line(example).removeprefix("Open ").strip()
        assert "request_uri=" in address and "authorization_details" not in address
        person = Person(organization)
        page = person.http.get(address).headers["location"]
        back = person.approve(page).headers["location"]
        assert httpx.get(back).text == "Done. You can close this window."
        lines = said(example)
    assert lines[0] == f"Hello from {library}"
    if name.endswith(".mjs"):
        assert lines[1] == "active: true, then false"
    assert nothing_is_connected(organization)


@pytest.mark.parametrize(("name", "who"), [("device.sh", "a terminal"), ("device.mjs", "a device")])
def test_a_program_without_a_browser_waits_for_its_person(organization: Organization, name: str, who: str) -> None:
    with started(name, LATCHKEY_CLIENT_ID=registered(organization, DEVICE)) as example:
        asked = re.fullmatch(r"Open (\S+) and enter (\S+)\n", first_line(example))
        assert asked
        person = Person(organization)
        path = f"{urlsplit(asked[1]).path}?user_code={asked[2]}"
        page = person.send("/device", person.form(path, "/device")).headers["location"]
        assert person.approve(page).status_code == 303
        assert said(example) == [f"Hello from {who}"]


def test_the_okap_sdk_asks_and_calls(organization: Organization) -> None:
    organization.key("openai")
    address = organization.ticket("openai", monthly_spend="20")
    assert ran("okap_sdk.py", OKAP_ADDRESS=address)[0]


def test_the_vercel_ai_sdk_writes_streams_embeds_and_is_refused(organization: Organization) -> None:
    lines = ran("vercel_ai.mjs", OKAP_TOKEN=sandbox_token(organization))
    assert lines == [
        "Hello from the AI SDK",
        "Hello word by word",
        "64 numbers",
        "402 spend_limit_exceeded, retryable: false",
    ]


def test_every_error_is_told_with_what_to_do(organization: Organization) -> None:
    lines = ran("errors.py", OKAP_TOKEN=sandbox_token(organization))
    assert [line.split(":")[1].strip() for line in lines[:8]] == [
        "401 token_revoked",
        "402 spend_limit_exceeded",
        "403 model_not_granted",
        "429 rate_limit_exceeded",
        "424 provider_key_invalid",
        "500 server_error",
        "503 vault_unavailable",
        "answered",
    ]
    assert lines[8].startswith("A stream") and lines[9].startswith("sandbox-cut: provider_unreachable")


def in_the_readme(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def test_the_readmes_python_asks_and_calls(organization: Organization, simulator: Simulator, tmp_path: Path) -> None:
    key = organization.key("openai")
    text = "\n".join(in_the_readme("python"))
    assert text.count(README_ADDRESS) == 1
    program = tmp_path / "readme.py"
    program.write_text(text.replace(README_ADDRESS, organization.ticket("openai")))
    ran(str(program))
    assert len(simulator.wait_for_calls(key, 1)) == text.count("chat.completions.create(") == 1


@pytest.mark.parametrize("block", in_the_readme("js"), ids=lambda block: block.splitlines()[0])
def test_the_readmes_javascript_is_sound_and_names_what_the_vaults_module_has(block: str, tmp_path: Path) -> None:
    program = tmp_path / "block.mjs"
    program.write_text(block)
    subprocess.run(["node", "--check", program], check=True, timeout=SECONDS)
    (names,) = re.findall(rf'const (\{{.+\}}) = await import\("{README_VAULT}/assets/okap.mjs"\)', block)
    for file in ("okap.js", "okap.mjs"):
        (tmp_path / file).write_text(httpx.get(f"{running.url()}/assets/{file}").raise_for_status().text)
    # A name that the module does not have is an error before anything runs.
    program.write_text(f'import {names} from "./okap.mjs";\n')
    ran(str(program))
