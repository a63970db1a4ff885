"""Known grants by the thousand and the million: rows put where the proxy looks tokens up, copies of a real one."""

import hashlib
import secrets
import zlib

import psycopg

import consent

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# By this name of their app the others are found again.
OTHERS = "One of a million"
COPY = """
    INSERT INTO consent.grant_access
        (token_digest, tenant_id, grant_id, user_id, app, details, expires_at, closed_at, version,
         narrowed, token_ends_at, key_thumbprint, ancestors)
    SELECT fresh.digest, tenant_id, gen_random_uuid(), user_id, {app}, details, expires_at, closed_at, version,
           narrowed, token_ends_at, key_thumbprint, ancestors
      FROM consent.grant_access AS real, {fresh}
     WHERE real.token_digest = %(real)s"""


def minted() -> str:
    """A well-formed token, as `ids` makes them: prefix, 256 random bits and their CRC32, in base62."""
    text = "okap_" + _base62(int.from_bytes(secrets.token_bytes(32), "big"), 43)
    return text + _base62(zlib.crc32(text.encode()), 6)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def grants_like(token: str, count: int) -> list[str]:
    """Grants as the token's is, each with a token of its own: gives these."""
    tokens = [minted() for _ in range(count)]
    fresh = "unnest(%(digests)s::bytea[]) AS fresh(digest)"
    values = {"real": digest(token), "digests": [digest(one) for one in tokens]}
    with _connected() as connection:
        connection.execute(COPY.format(app="app", fresh=fresh), values)
    return tokens


def add_others(token: str, count: int) -> None:
    """So many more, whose tokens nobody has; the table is left as an old one is: seen through, and on disk."""
    app = f"app || jsonb_build_object('name', '{OTHERS}')"
    fresh = "(SELECT sha256(gen_random_uuid()::text::bytea) FROM generate_series(1, %(count)s)) AS fresh(digest)"
    with _connected() as connection:
        connection.execute(COPY.format(app=app, fresh=fresh), {"real": digest(token), "count": count})
        connection.execute("VACUUM (ANALYZE) consent.grant_access")
        connection.execute("CHECKPOINT")


def remove_others() -> None:
    with _connected() as connection:
        connection.execute("DELETE FROM consent.grant_access WHERE app->>'name' = %s", [OTHERS])
        connection.execute("VACUUM (FULL, ANALYZE) consent.grant_access")
        connection.execute("CHECKPOINT")


def known() -> int:
    """How many grants the proxy can find."""
    with _connected() as connection:
        return connection.execute("SELECT count(*) FROM consent.grant_access").fetchone()[0]


def above(token: str) -> int:
    """How many grants stand above the token's."""
    find = "SELECT coalesce(jsonb_array_length(ancestors), 0) FROM consent.grant_access WHERE token_digest = %s"
    with _connected() as connection:
        return connection.execute(find, [digest(token)]).fetchone()[0]


def _connected() -> psycopg.Connection:
    return psycopg.connect(consent.database(), autocommit=True)
