"""Makes an organization in the running vault, the way its operator does.

`provision` is a command of the auth program. It is run here as the program that is running, with the settings that it
runs with, so that it works for every kind of vault that `./latchkey up` can start.

    python provision.py ORGANIZATION OWNER_NAME OWNER_EMAIL      prints what the command prints: JSON
"""

import json
import os
import subprocess
import sys
from pathlib import Path


class NotProvisioned(Exception):
    """The organization could not be made; says why."""


def provision(organization: str, owner_name: str, owner_email: str) -> dict:
    """An organization that exists stays as it is and gets a fresh one-time link; a new one also gets an owner token."""
    pid = _process_that_provisions(Path(os.environ["LATCHKEY_STATE_DIR"]))
    command = [f"/proc/{pid}/exe", "provision", "--organization", organization]
    command += ["--owner-name", owner_name, "--owner-email", owner_email]
    done = subprocess.run(command, env=_environment_of(pid), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise NotProvisioned(done.stderr.strip() or f"provision ended with {done.returncode}")
    return json.loads(done.stdout)


def _process_that_provisions(state: Path) -> int:
    for name in ("auth", "vault"):
        record = state / "run" / name
        if record.exists():
            return int(record.read_text().split()[0])
    raise NotProvisioned(f"no running vault is recorded in {state}")


def _environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


if __name__ == "__main__":
    print(json.dumps(provision(*sys.argv[1:4])))
