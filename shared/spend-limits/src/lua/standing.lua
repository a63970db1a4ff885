-- Reads the counters of one bucket as the reserve script would see them. Writes nothing.
-- KEYS: 1 epoch mark  2 counters  3 last minute, not of a budget
-- ARGV: 1 epoch  2 time (tests)
local open = marked(KEYS[1])
if not open then return { 'NOT_READY' } end
if open ~= ARGV[1] then return { 'BEHIND', open } end
local now = milliseconds(ARGV[2])
local c = read(KEYS[2], now)
local used = KEYS[3] and in_last_minute(KEYS[3], now) or 0
local oldest = used > 0 and tonumber(redis.call('LINDEX', KEYS[3], used - 1)) or now
return { 'STANDING', now, c.day, c.requests, c.day_settled, c.day_held, c.month_settled, c.month_held, used, oldest }
