-- Holds the worst case of one call against all limits of its grant, or changes nothing at all.
-- KEYS: 1 epoch mark  2 revocation mark  3 counters  4 last minute  5 holds by deadline
-- ARGV: 1 epoch  2 time (tests)  3 call  4 member of the holds  5 amount  6 lasts (ms)
--       then limits, '' for none: 7 per minute  8 per day  9 daily spend  10 monthly spend
local open = marked(KEYS[1])
if not open then return { 'NOT_READY' } end
if open ~= ARGV[1] then return { 'BEHIND', open } end
if redis.call('EXISTS', KEYS[2]) == 1 then return { 'REVOKED' } end

local amount, lasts = whole(ARGV[5]), whole(ARGV[6])
local limits = {}
for i = 7, 10 do
  limits[i] = whole(ARGV[i])
  if ARGV[i] ~= '' and not limits[i] then return { 'BAD_ARGUMENT' } end
end
if not amount or not lasts then return { 'BAD_ARGUMENT' } end
local per_minute, per_day, daily, monthly = limits[7], limits[8], limits[9], limits[10]

local call, now = ARGV[3], milliseconds(ARGV[2])
local c = read(KEYS[3], now, 'r:' .. call, 'c:' .. call)
if c.extra[1] or c.extra[2] then return { 'DUPLICATE' } end

-- Of several limits in the way, the one that lasts longest is named.
if monthly and tonumber(c.month_settled) + tonumber(c.month_held) + amount > monthly then
  return { 'SPEND', 'monthly_spend', c.month_settled, c.month_held, c.day }
end
if daily and tonumber(c.day_settled) + tonumber(c.day_held) + amount > daily then
  return { 'SPEND', 'daily_spend', c.day_settled, c.day_held, c.day }
end
if per_day and tonumber(c.requests) >= per_day then
  return { 'RATE', 'requests_per_day', now, (c.day + 1) * DAY }
end
local used, oldest = 0, now
if per_minute then
  used = in_last_minute(KEYS[4], now)
  if used >= per_minute then
    local leaves = per_minute > 0 and redis.call('LINDEX', KEYS[4], per_minute - 1) or now
    return { 'RATE', 'requests_per_minute', now, tonumber(leaves) + MINUTE }
  end
  if used > 0 then oldest = tonumber(redis.call('LINDEX', KEYS[4], used - 1)) end
end

-- Nothing was written above, nothing is refused below.
local d, deadline = 'd' .. c.day, now + lasts
roll(KEYS[3], c.newest, c.day)
redis.call('HINCRBY', KEYS[3], d .. ':n', 1)
count(KEYS[3], c.day, c.day, c.month, 'h', '', ARGV[5])
redis.call('HSET', KEYS[3], 'r:' .. call,
  string.format('%s:%d:%s:%.0f:%.0f', ARGV[5], c.day, c.month, deadline, now))
redis.call('ZADD', KEYS[5], deadline, ARGV[4])
redis.call('EXPIRE', KEYS[5], KEPT)
if per_minute then
  local newest = used > 0 and tonumber(redis.call('LINDEX', KEYS[4], 0)) or now
  redis.call('LPUSH', KEYS[4], math.max(now, newest))
  redis.call('LTRIM', KEYS[4], 0, used)
  redis.call('PEXPIRE', KEYS[4], 2 * MINUTE)
end
return { 'HELD', now, c.day, c.requests, c.day_settled, c.day_held, c.month_settled, c.month_held, used, oldest }
