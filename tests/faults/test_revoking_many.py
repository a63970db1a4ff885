"""A revocation amid three hundred running streams on every proxy."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import running
from load import Answer, Told, call
from observer import Observer, bill, recorded
from vault import Grant, Organization, detail

STREAMS = 300
LIMITS = {"requests_per_minute": 9_000, "requests_per_day": 900_000, "monthly_spend": 900.0}


async def revoked_amid_streams(organization: Organization, grant: Grant) -> tuple[list[Answer], float, list[Answer]]:
    """What every stream got, when the revocation was answered, and what calls after it got at every proxy."""
    proxies = running.proxy_urls()
    began = [asyncio.Event() for _ in range(STREAMS)]
    # Half a minute each: none ends by itself.
    bodies = [Told(number, chunks=60, chunk_delay_ms=500).body() for number in range(STREAMS)]
    streams = asyncio.gather(
        *(call(grant, proxies[n % len(proxies)], bodies[n], began[n]) for n in range(STREAMS)),
    )
    async with asyncio.timeout(30):
        await asyncio.gather(*(one.wait() for one in began))
    await asyncio.to_thread(organization.post, f"/grants/{grant.id}/revoke", None, 204)
    answered_at = time.monotonic()
    later = asyncio.gather(*(call(grant, proxies[n % len(proxies)], bodies[0]) for n in range(10 * len(proxies))))
    return await streams, answered_at, await later


def test_three_hundred_streams_are_cut_within_a_second(
    organizations: Callable[[], Organization],
    observer: Observer,
) -> None:
    organization = organizations()
    grant = organization.grant(detail(limits=LIMITS))
    streams, answered_at, later = asyncio.run(revoked_amid_streams(organization, grant))
    lasted = max(stream.ended_at for stream in streams) - answered_at
    assert lasted < 1.0, f"the last stream went on for {lasted:.2f} s"
    assert Counter(stream.status for stream in streams) == {200: STREAMS}
    assert all(stream.says("token_revoked") and not stream.whole for stream in streams)
    assert Counter(answer.status for answer in later) == {401: len(later)}
    assert all(answer.says("token_revoked") for answer in later)
    served = observer.ended(organization)
    assert len(served) == STREAMS and all(call["client_gone"] for call in served)
    found = recorded(organization, grant, STREAMS)
    shown = {stream.headers["x-okap-request-id"] for stream in streams}
    assert Counter(record["request_id"] for record in found) == Counter(shown) and len(shown) == STREAMS
    assert sum(Decimal(record["cost"]) for record in found) >= bill(served)
    assert {record["outcome"] for record in found} == {"cut_by_revocation"}
