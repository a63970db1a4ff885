"""What limits cost Redis at the least: two scripts over one hash, as a small proxy asks them, one round trip at a time.

They know one rate, one budget and no more than a sum of what is held: no second limit, nothing above a grant, no hold that could be
found again after a crash, and nothing that notices a Redis that lost its memory.
"""

import subprocess
import uuid
from dataclasses import dataclass

import redis

import processes

CALLS, CLIENTS = 100_000, 16
MODEL, HOLDS, COSTS = "gpt-4o-mini", 4_200_000, 1_300_000

# KEYS: 1 grant  ARGV: 1 model  2 worst case
RESERVE = """
local g = redis.call('HMGET', KEYS[1], 'ends', 'models', 'rate', 'burst', 'budget', 'tokens', 'filled', 'spent', 'held', 'requests')
if not g[1] then return 'UNKNOWN' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(g[1]) then return 'EXPIRED' end
if not string.find(g[2], ' ' .. ARGV[1] .. ' ', 1, true) then return 'MODEL' end
local tokens = math.min(tonumber(g[4]), g[6] + (now - g[7]) * g[3])
if tokens < 1 then return 'RATE' end
local held = g[9] + ARGV[2]
if g[8] + held > tonumber(g[5]) then return 'BUDGET' end
redis.call('HSET', KEYS[1], 'tokens', tokens - 1, 'filled', now, 'held', held, 'requests', g[10] + 1)
redis.call('PEXPIRE', KEYS[1], 3888000000)
return 'HELD'
"""

# KEYS: 1 grant  ARGV: 1 worst case  2 cost
SETTLE = """
local g = redis.call('HMGET', KEYS[1], 'spent', 'held')
redis.call('HSET', KEYS[1], 'spent', g[1] + ARGV[2], 'held', g[2] - ARGV[1])
return 'SETTLED'
"""


@dataclass
class Floor:
    """The Redis that the vault uses, its process, and the core that asks it."""

    url: str
    pid: int
    core: int

    def measure(self) -> float:
        """CPU seconds of Redis for 10,000 calls: a reservation and a settlement each."""
        server = redis.Redis.from_url(self.url)
        grant = f"bench-floor-{uuid.uuid4().hex}"
        server.hset(grant, mapping={
            "ends": 2**53, "models": f" gpt-4o {MODEL} o3 ", "rate": 10_000, "burst": 1_000_000, "budget": 2**52,
            "tokens": 1_000_000, "filled": 0, "spent": 0, "held": 0, "requests": 0})
        try:
            before = processes.cpu_seconds(self.pid)
            self._ask(server.script_load(RESERVE), grant, MODEL, HOLDS)
            self._ask(server.script_load(SETTLE), grant, HOLDS, COSTS)
            spent = processes.cpu_seconds(self.pid) - before
            if server.hmget(grant, "requests", "held", "spent") != [b"%d" % CALLS, b"0", b"%d" % (CALLS * COSTS)]:
                raise AssertionError("the floor's scripts did not count what they were asked")
        finally:
            server.delete(grant)
        return spent * 10_000 / CALLS

    def _ask(self, digest: str, grant: str, *arguments: object) -> None:
        command = ["taskset", "-c", str(self.core), "redis-benchmark", "-q", "-u", self.url, "-c", str(CLIENTS), "-n", str(CALLS)]
        command += ["EVALSHA", digest, "1", grant, *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
