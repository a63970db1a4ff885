"""The control: a gate that looks and then adds fails under the same load, by the same measure. So this harness can fail."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

import running
from edges import MONEY, ROOM, within_its_limit, worst_case
from load import FIRST, Told, call
from observer import Observer
from vault import Grant

CALLERS = 120
NANO = 10**9


class NaiveGate:
    """Money and requests counted in a real Redis as it is often done: read, compare, call, add what it may cost."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.name = f"naive:{secrets.token_hex(8)}"
        self.key = f"sk-naive-{secrets.token_hex(16)}"
        base = {"provider": "openai", "base_url": f"{running.url()}/openai/v1"}
        self.provider = Grant(self.key, [base], "")

    async def spend(self, number: int) -> bool:
        """One call, if it seems to fit."""
        cost = int(worst_case(FIRST + number) * NANO)
        if await self._counted("money") + cost > MONEY * NANO or await self._counted("requests") >= ROOM:
            return False
        await self.redis.incrby(f"{self.name}:money", cost)
        await self.redis.incrby(f"{self.name}:requests", 1)
        body = Told(number, chunks=1, chunk_delay_ms=0).body()
        return (await call(self.provider, running.setting("LATCHKEY_SIMULATOR_URL"), body)).status == 200

    async def forget(self) -> None:
        """As the loss of Redis' memory."""
        await self.redis.delete(f"{self.name}:money", f"{self.name}:requests")

    async def _counted(self, what: str) -> int:
        return int(await self.redis.get(f"{self.name}:{what}") or 0)


async def all_at_once(gate: NaiveGate) -> None:
    await asyncio.gather(*(gate.spend(number) for number in range(CALLERS)))


async def in_turn(gate: NaiveGate) -> None:
    for number in range(CALLERS):
        await gate.spend(number)


async def in_turn_with_a_loss(gate: NaiveGate) -> None:
    for number in range(CALLERS):
        if number == ROOM // 2:
            await gate.forget()
        await gate.spend(number)


def served_by_a_naive_gate(observer: Observer, load: Callable[[NaiveGate], Awaitable[None]]) -> list[dict]:
    async def run() -> str:
        async with Redis.from_url(running.setting("LATCHKEY_REDIS_URL"), max_connections=2 * CALLERS) as redis:
            gate = NaiveGate(redis)
            await load(gate)
            await gate.forget()
            return gate.key

    return observer.calls_with(asyncio.run(run()))


@pytest.mark.parametrize("load", [all_at_once, in_turn_with_a_loss], ids=["at once", "a loss"])
@pytest.mark.parametrize("limit", ["monthly_spend", "daily_spend", "requests_per_minute", "requests_per_day"])
def test_looking_and_then_adding_passes_the_limit(
    observer: Observer,
    limit: str,
    load: Callable[[NaiveGate], Awaitable[None]],
) -> None:
    served = served_by_a_naive_gate(observer, load)
    assert len(served) > ROOM
    with pytest.raises(AssertionError, match=limit):
        within_its_limit(limit, served)


def test_it_keeps_within_it_as_long_as_nobody_else_calls(observer: Observer) -> None:
    served = served_by_a_naive_gate(observer, in_turn)
    assert ROOM // 2 < len(served) <= ROOM and sum(call["billed"] for call in served) == len(served)
    within_its_limit("monthly_spend", served)
