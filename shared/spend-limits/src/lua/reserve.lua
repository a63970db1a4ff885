-- Holds the worst case of one call against all limits of its grant and of each grant and budget above it, or changes nothing at all.
-- KEYS: 1 epoch mark  2 holds by deadline
--       then for its grant and each one above: revocation mark, counters, last minute; then for each budget: counters;
--       then for each shadow: counters, last minute
-- ARGV: 1 epoch  2 time (tests)  3 call  4 member of the holds  5 amount  6 lasts (ms)  7 what is above, '' for nothing
--       8 how many of these are grants, its own with them
--       then for each grant, budget and shadow, '' for no limit: per minute, per day, daily spend, monthly spend
-- A shadow has a key more than a budget and one less than a grant: how many there are follows from the keys.
local open = marked(KEYS[1])
if not open then return { 'NOT_READY' } end
if open ~= ARGV[1] then return { 'BEHIND', open } end
local amount, lasts, grants = whole(ARGV[5]), whole(ARGV[6]), whole(ARGV[8])
if not amount or not lasts or not grants then return { 'BAD_ARGUMENT' } end
for grant = 1, grants do
  if redis.call('EXISTS', KEYS[3 * grant]) == 1 then return { 'REVOKED' } end
end
local limits = {}
for i = 9, #ARGV do
  limits[i] = whole(ARGV[i])
  if ARGV[i] ~= '' and not limits[i] then return { 'BAD_ARGUMENT' } end
end

local call, now, all, shadows = ARGV[3], milliseconds(ARGV[2]), {}, {}
local levels = (#ARGV - 8) / 4
local refusing = 2 * levels - (#KEYS - 2 - 2 * grants)
for level = 1, levels do
  local first, hash, list = 5 + 4 * level, nil, nil
  if level <= grants then
    hash, list = KEYS[3 * level + 1], KEYS[3 * level + 2]
  elseif level <= refusing then
    hash = KEYS[2 + 2 * grants + level]
  else
    local at = 1 + 2 * grants - refusing + 2 * level
    hash, list = KEYS[at], KEYS[at + 1]
  end
  local c = read(hash, now, 'r:' .. call, 'c:' .. call)
  if c.extra[1] or c.extra[2] then return { 'DUPLICATE' } end
  c.hash, c.list = hash, list
  c.per_minute, c.per_day, c.daily, c.monthly = limits[first], limits[first + 1], limits[first + 2], limits[first + 3]
  local into = level <= refusing and all or shadows
  into[#into + 1] = c
end

local function past_month(c)
  return c.monthly and tonumber(c.month_settled) + tonumber(c.month_held) + amount > c.monthly
end
local function past_day(c) return c.daily and tonumber(c.day_settled) + tonumber(c.day_held) + amount > c.daily end
local function past_requests(c) return c.per_day and tonumber(c.requests) >= c.per_day end
local function past_minute(c)
  c.used, c.oldest = 0, now
  if not c.per_minute then return false end
  c.used = in_last_minute(c.list, now)
  if c.used >= c.per_minute then return true end
  if c.used > 0 then c.oldest = tonumber(redis.call('LINDEX', c.list, c.used - 1)) end
  return false
end

-- Of several limits in the way, the one that lasts longest is named.
for level, c in ipairs(all) do
  if past_month(c) then
    return { 'SPEND', 'monthly_spend', c.month_settled, c.month_held, c.day, level - 1 }
  end
end
for level, c in ipairs(all) do
  if past_day(c) then
    return { 'SPEND', 'daily_spend', c.day_settled, c.day_held, c.day, level - 1 }
  end
end
for level, c in ipairs(all) do
  if past_requests(c) then
    return { 'RATE', 'requests_per_day', now, (c.day + 1) * DAY, level - 1 }
  end
end
for level, c in ipairs(all) do
  if past_minute(c) then
    local leaves = c.per_minute > 0 and redis.call('LINDEX', c.list, c.per_minute - 1) or now
    return { 'RATE', 'requests_per_minute', now, tonumber(leaves) + MINUTE, level - 1 }
  end
end

-- Nothing was written above, nothing is refused below. What a shadow would have refused is not counted there, as it
-- would not be if the shadow's limits were in force, and the hold does not note that shadow.
local verdicts, noted = {}, ARGV[7]
for nth, c in ipairs(shadows) do
  verdicts[nth] = past_month(c) and 'monthly_spend' or past_day(c) and 'daily_spend'
    or past_requests(c) and 'requests_per_day' or past_minute(c) and 'requests_per_minute' or ''
  if verdicts[nth] == '' then all[#all + 1] = c end
end
if #all < levels then
  local nth = 0
  noted = string.gsub(noted, ',?~%x+', function()
    nth = nth + 1
    if verdicts[nth] ~= '' then return '' end
  end)
end

local deadline, answer = now + lasts, { 'HELD', now }
for level, c in ipairs(all) do
  roll(c.hash, c.newest, c.day)
  redis.call('HINCRBY', c.hash, 'd' .. c.day .. ':n', 1)
  count(c.hash, c.day, c.day, c.month, 'h', '', ARGV[5])
  redis.call('HSET', c.hash, 'r:' .. call,
    string.format('%s:%d:%s:%.0f:%.0f', ARGV[5], c.day, c.month, deadline, now)
      .. above_noted(level == 1 and noted or ''))
  if c.per_minute then
    local newest = c.used > 0 and tonumber(redis.call('LINDEX', c.list, 0)) or now
    redis.call('LPUSH', c.list, math.max(now, newest))
    redis.call('LTRIM', c.list, 0, c.used)
    redis.call('PEXPIRE', c.list, 2 * MINUTE)
  end
  if level <= refusing then
    local at = #answer
    answer[at + 1], answer[at + 2], answer[at + 3], answer[at + 4] = c.day, c.requests, c.day_settled, c.day_held
    answer[at + 5], answer[at + 6], answer[at + 7], answer[at + 8] = c.month_settled, c.month_held, c.used, c.oldest
  end
end
for _, verdict in ipairs(verdicts) do answer[#answer + 1] = verdict end
-- Once, under its own grant: whoever ends it there ends it at everything above.
redis.call('ZADD', KEYS[2], deadline, ARGV[4])
redis.call('EXPIRE', KEYS[2], KEPT)
-- One text: a list costs the caller more to read than to ask for.
return table.concat(answer, ' ')
