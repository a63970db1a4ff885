"""Everywhere that a running vault writes: databases, Redis, logs, spools, and the message broker."""

from collections.abc import Iterator
from pathlib import Path

import pika
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


class Broker:
    """What passes the vault's broker from here on: a queue of its own, bound to the exchange that everything passes."""

    def __init__(self) -> None:
        self.prefix = running.setting("LATCHKEY_AMQP_PREFIX", may_be_empty=True)
        self.connection = pika.BlockingConnection(pika.URLParameters(running.setting("LATCHKEY_AMQP_URL")))
        self.channel = self.connection.channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, f"{self.prefix}latchkey.events", "#")

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Every message that passed since the last look, head and body; and what lies among the dead letters, which stays."""
        yield from self._taken(self.queue, stays=False)
        yield from self._taken(f"{self.prefix}latchkey.dead-letters", stays=True)

    def _taken(self, queue: str, stays: bool) -> Iterator[tuple[str, bytes]]:
        last = None
        while True:
            method, properties, body = self.channel.basic_get(queue)
            if method is None:
                break
            last = method.delivery_tag
            head = repr([method.exchange, method.routing_key, properties]).encode()
            yield f"message {method.routing_key} in {queue}", head + body
        if last is not None and stays:
            self.channel.basic_nack(last, multiple=True, requeue=True)
        elif last is not None:
            self.channel.basic_ack(last, multiple=True)


def everywhere() -> Iterator[tuple[str, bytes]]:
    yield from tables()
    yield from redis_values()
    yield from files()
