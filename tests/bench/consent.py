"""Measures how fast decisions become tokens, next to how fast Postgres itself commits: same machine, same run, same clients."""

import multiprocessing
import os
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg

import people

CLIENTS = (1, 4, 16)
# A handle brings five that wait, and twenty a day: each round is asked at handles of its own. A person has twenty.
OF_ONE_HANDLE, HANDLES = 5, 2
OF_ONE_PERSON = OF_ONE_HANDLE * HANDLES
PERSONS = int(os.environ.get("LATCHKEY_BENCH_PERSONS", "24"))
SECONDS = float(os.environ.get("LATCHKEY_BENCH_SECONDS", "4"))


def database() -> str:
    return urlunsplit(urlsplit(os.environ["LATCHKEY_POSTGRES_URL"])._replace(path="/" + os.environ["LATCHKEY_DATABASE"]))


def commit_for(seconds: float, start, counted) -> None:
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")
        start.wait()
        commits, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            connection.execute("INSERT INTO bench_commits (word) VALUES (%s)", ["x" * 100], prepare=True)
            commits += 1
        counted.put(commits)


def commits_per_second(clients: int) -> float:
    """How many one-row inserts, each a transaction of its own, so many clients commit durably."""
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_commits (id bigserial PRIMARY KEY, word text)")
    together = multiprocessing.get_context("fork")
    start, counted = together.Barrier(clients), together.Queue()
    workers = [together.Process(target=commit_for, args=(SECONDS, start, counted)) for _ in range(clients)]
    for worker in workers:
        worker.start()
    total = sum(counted.get() for _ in workers)
    for worker in workers:
        worker.join()
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute("DROP TABLE bench_commits")
    return total / SECONDS


def transactions() -> int:
    """How many transactions this database has committed, reading ones included."""
    # Every connection tells its own at most a second later.
    time.sleep(1.2)
    with psycopg.connect(database(), autocommit=True) as connection:
        count = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        return connection.execute(count).fetchone()[0]


def decide_and_collect(calls: people.Calls, asked: dict) -> None:
    people.approve(calls, asked)
    people.collect(calls, asked)


def approve_for_code(calls: people.Calls, asked: dict) -> dict:
    return asked | {"code": people.code_of(people.approve(calls, asked))}


def sent_by_client(calls: people.Calls, pair: tuple[people.Owner, str]) -> dict:
    return people.authorize(calls, *pair)


def asked_of(owners: list[people.Owner], callback: str | None = None) -> list[dict]:
    port, each = people.consent_port(), [owner for owner in owners for _ in range(HANDLES)]
    handles = people.by_clients(8, port, each, lambda calls, owner: owner.at_another_handle(calls))
    each = [owner for owner in handles for _ in range(OF_ONE_HANDLE)]
    return people.by_clients(8, port, each, lambda calls, owner: owner.ask(calls, callback))


def measure(name: str, clients: int, work: list, do, commits: float) -> None:
    port = people.consent_port()
    before, began = transactions(), time.monotonic()
    people.by_clients(clients, port, work, do)
    took = time.monotonic() - began
    rate, each = len(work) / took, (transactions() - before) / len(work)
    print(f"{name:20}{clients:8}{rate:10.0f}{commits:12.0f}{rate / commits:8.3f}{each:14.1f}", flush=True)


def main() -> None:
    with psycopg.connect(database()) as connection:
        durable = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit")}
    if durable["synchronous_commit"] != "on":
        sys.exit(f"Postgres does not commit durably: synchronous_commit is {durable['synchronous_commit']}")
    print(f"Profile {os.environ['LATCHKEY_PROFILE']}; Postgres with fsync={durable['fsync']}, synchronous_commit={durable['synchronous_commit']}.")
    port = people.consent_port()
    owners = people.by_clients(4, port, list(range(PERSONS)), lambda calls, _: people.Owner.new(calls))
    apps = people.by_clients(4, port, owners, lambda calls, owner: (owner, owner.app(calls)))
    print(f"{'':20}{'clients':>8}{'tokens/s':>10}{'commits/s':>12}{'ratio':>8}{'transactions':>14}")
    for clients in CLIENTS:
        commits = commits_per_second(clients)
        asked = asked_of(owners)
        measure("approve to token", clients, asked, decide_and_collect, commits)
        asked = asked_of(owners, people.CALLBACK)
        coded = people.by_clients(8, port, asked, approve_for_code)
        measure("callback code", clients, coded, people.redeem, commits)
        asked = people.by_clients(8, port, [pair for pair in apps for _ in range(OF_ONE_PERSON)], sent_by_client)
        coded = people.by_clients(8, port, asked, approve_for_code)
        measure("OAuth code to token", clients, coded, people.redeem_at_token, commits)
    print("ratio: tokens a second to commits a second; transactions: of all services, reading ones included, for one token.")


if __name__ == "__main__":
    main()
