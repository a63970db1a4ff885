"""Asks PostgreSQL, Redis and RabbitMQ what they are, with Python's own library only.

A server's URL comes in the variable URL, not as an argument: it holds a password, and arguments are for everyone to read.

    URL=postgres://… servers.py postgres              its version, and whether we may make roles and databases
    URL=postgres://… servers.py sql STATEMENT         runs a statement (with psql)
    URL=postgres://… PASSWORD=… servers.py role-url ROLE DATABASE
    URL=redis://…    servers.py redis                 its version and memory policy
    URL=redis://…    servers.py redis-forget NAMESPACE
    URL=amqp://…     servers.py amqp                  its version, after signing in and opening the virtual host
    URL=amqp://…     servers.py amqp-vhost [NAME]     the URL's virtual host, or the URL with another one
    servers.py free-ports COUNT                       the first of so many free ports in a row
    servers.py member NAME… < JSON                    a member of an object, or nothing
"""

import json
import os
import random
import socket
import struct
import subprocess
import sys
from urllib.parse import quote, unquote, urlsplit, urlunsplit

TIMEOUT = 5


class Refused(Exception):
    pass


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def psql(url, statement):
    parts = urlsplit(url)
    place = {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or "postgres"),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")) or "postgres",
        "PGCONNECT_TIMEOUT": str(TIMEOUT),
    }
    command = ["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", statement]
    done = subprocess.run(command, env=os.environ | place, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stderr.strip().splitlines()[-1] if done.stderr else "psql failed")
    return done.stdout.strip()


def postgres(url):
    return psql(
        url,
        "SELECT current_setting('server_version_num')::int / 10000 || ' ' || "
        "(SELECT rolsuper OR (rolcreaterole AND rolcreatedb) FROM pg_roles WHERE rolname = current_user)",
    ).replace("true", "admin")


def role_url(url, role, database):
    parts = urlsplit(url)
    place = f"{parts.hostname or '127.0.0.1'}:{parts.port or 5432}"
    person = f"{role}:{quote(os.environ['PASSWORD'], safe='')}"
    return urlunsplit(("postgres", f"{person}@{place}", f"/{database}", parts.query, ""))


# --- Redis ----------------------------------------------------------------------------------------------------------


class Redis:
    def __init__(self, url):
        parts = urlsplit(url)
        if parts.scheme != "redis":
            raise Refused("only redis:// URLs are understood")
        self.file = socket.create_connection((parts.hostname, parts.port or 6379), TIMEOUT).makefile("rwb")
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            self.ask("AUTH", *user, unquote(parts.password))
        if parts.path.strip("/"):
            self.ask("SELECT", parts.path.strip("/"))

    def ask(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.file.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        self.file.flush()
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Refused("the server is no Redis")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"$" and int(rest) >= 0:
            return self.file.read(int(rest) + 2)[:-2]
        return rest


def redis(url):
    server = Redis(url)
    version = dict(
        line.split(":", 1) for line in server.ask("INFO", "server").decode().splitlines() if ":" in line
    )["redis_version"]
    return f"{version} {server.ask('CONFIG', 'GET', 'maxmemory-policy')[1].decode()}"


def redis_forget(url, namespace):
    server, cursor, forgotten = Redis(url), b"0", 0
    while True:
        cursor, keys = server.ask("SCAN", cursor, "MATCH", f"*{namespace}*", "COUNT", 500)
        forgotten += server.ask("UNLINK", *keys) and len(keys) if keys else 0
        if cursor == b"0":
            return forgotten


# --- RabbitMQ (AMQP 0-9-1) ------------------------------------------------------------------------------------------


def short(text):
    return bytes([len(text.encode())]) + text.encode()


class Amqp:
    def __init__(self, url):
        parts = urlsplit(url)
        if parts.scheme != "amqp":
            raise Refused("only amqp:// URLs are understood")
        user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self.file = socket.create_connection((parts.hostname, parts.port or 5672), TIMEOUT).makefile("rwb")
        self.file.write(b"AMQP\x00\x00\x09\x01")
        properties = self.expect(10, 10)  # connection.start
        at = properties.find(b"\x07versionS")
        (size,) = struct.unpack_from(">I", properties, at + 9)
        self.version = properties[at + 13 : at + 13 + size].decode()
        login = f"\0{user}\0{password}".encode()
        self.send(10, 11, b"\0\0\0\0" + short("PLAIN") + struct.pack(">I", len(login)) + login + short("en_US"))
        tune = self.expect(10, 30)
        self.send(10, 31, tune[:6] + b"\0\0")
        self.send(10, 40, short(vhost_of(url)) + short("") + b"\0")
        self.expect(10, 41)
        self.send(10, 50, struct.pack(">H", 200) + short("") + b"\0\0\0\0")

    def send(self, class_id, method_id, arguments):
        payload = struct.pack(">HH", class_id, method_id) + arguments
        self.file.write(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")
        self.file.flush()

    def expect(self, class_id, method_id):
        self.file.flush()
        head = self.file.read(7)
        if len(head) < 7:
            raise Refused("the server hung up (wrong user or password, or no RabbitMQ)")
        payload = self.file.read(struct.unpack(">BHI", head)[2] + 1)[:-1]
        got = struct.unpack_from(">HH", payload)
        if got == (10, 50):
            raise Refused(payload[7 : 7 + payload[6]].decode())
        if got != (class_id, method_id):
            raise Refused("the server is no RabbitMQ")
        return payload[4:]


def vhost_of(url):
    path = urlsplit(url).path
    return unquote(path[1:]) if len(path) > 1 else "/"


def amqp_vhost(url, name=None):
    if name is None:
        return vhost_of(url)
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


# --- small things ---------------------------------------------------------------------------------------------------


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    for _ in range(1000):  # below the range that outgoing connections take theirs from
        first = random.randrange(20000, 32000, 10)
        if all(is_free(port) for port in range(first, first + int(count))):
            return first
    raise Refused("no free ports")


def member(*names):
    value = json.load(sys.stdin)
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else value


WITH_URL = {
    "postgres": postgres,
    "sql": psql,
    "role-url": role_url,
    "redis": redis,
    "redis-forget": redis_forget,
    "amqp": lambda url: Amqp(url).version,
    "amqp-vhost": amqp_vhost,
}
WITHOUT = {"free-ports": free_ports, "member": member}


def main(word, *arguments):
    try:
        if word in WITH_URL:
            arguments = (os.environ["URL"], *arguments)
        print((WITH_URL | WITHOUT)[word](*arguments))
    except (Refused, OSError, ValueError, KeyError, struct.error) as error:
        sys.exit(f"{error}")


main(*sys.argv[1:])
