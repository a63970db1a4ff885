"""Everywhere that a running vault writes: databases, Redis, logs, spools."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis
from psycopg import sql

import running

TABLES = """
    SELECT schemaname, tablename FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""


def tables() -> Iterator[tuple[str, bytes]]:
    """Every table of the vault's database, dumped as text; bytes in it are in hexadecimal digits."""
    url = running.setting("LATCHKEY_POSTGRES_URL")
    with psycopg.connect(url, dbname=running.setting("LATCHKEY_DATABASE")) as database:
        for names in database.execute(TABLES).fetchall():
            dump = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(*names))
            with database.cursor().copy(dump) as rows:
                yield ".".join(names), b"".join(bytes(piece) for piece in rows)


def redis_values() -> Iterator[tuple[str, bytes]]:
    """Every key and value of the vault's Redis."""
    server = redis.Redis.from_url(running.setting("LATCHKEY_REDIS_URL"))
    reading = {
        b"string": server.get,
        b"hash": server.hgetall,
        b"set": server.smembers,
        b"zset": lambda key: server.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: server.lrange(key, 0, -1),
    }
    for key in server.scan_iter(match=f"*{running.setting('LATCHKEY_REDIS_NAMESPACE')}*", count=1000):
        kind = server.type(key)
        yield repr(key), key + repr(reading[kind](key)).encode() if kind in reading else key


def files() -> Iterator[tuple[str, bytes]]:
    """Every file that the vault wrote: logs and spools."""
    for folder in {running.setting("LATCHKEY_LOG_DIR"), running.setting("LATCHKEY_SPOOL_DIR")}:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()


def everywhere() -> Iterator[tuple[str, bytes]]:
    yield from tables()
    yield from redis_values()
    yield from files()
