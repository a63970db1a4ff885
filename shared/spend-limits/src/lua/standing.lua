-- Reads the counters of one bucket as the reserve script would see them. Writes nothing.
-- KEYS: 1 epoch mark  2 counters  3 last minute, not of a budget
-- ARGV: 1 epoch  2 time (tests)
if not is_open(KEYS[1], ARGV[1]) then return elsewhere(KEYS[1]) end
local now = milliseconds(ARGV[2])
local c = read(KEYS[2], now, '')
local used, oldest = 0, nil
if KEYS[3] then used, oldest = in_last_minute(KEYS[3], now) end
return { 'STANDING', now, c.day, c.requests, c.day_settled, c.day_held, c.month_settled, c.month_held, used, oldest or now }
