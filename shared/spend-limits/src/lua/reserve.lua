-- Holds the worst case of one call against all limits of its grant and of each grant and budget above it, or changes nothing at all.
-- KEYS: 1 epoch mark  2 holds by deadline
--       then for its grant and each one above: revocation mark, counters, last minute; then for each budget: counters;
--       then for each shadow: counters, last minute
-- ARGV: 1 epoch  2 time (tests)  3 call  4 member of the holds  5 amount  6 lasts (ms)
--       7 what the hold notes: ':@' and its spool, ':^' and what is above, '' for nothing
--       8 how many of these are grants, its own with them
--       then for each grant, budget and shadow, '' for no limit: per minute, per day, daily spend, monthly spend
-- A shadow has a key more than a budget and one less than a grant: how many there are follows from the keys.
local amount, lasts, grants = whole(ARGV[5]), whole(ARGV[6]), whole(ARGV[8])
if not amount or not lasts or not grants then return { 'BAD_ARGUMENT' } end
-- The marks of the epoch and of revoked grants, with one command.
local marks = { KEYS[1] }
for grant = 1, grants do marks[1 + grant] = KEYS[3 * grant] end
marks = redis.call('MGET', unpack(marks))
if not is_mark_of(marks[1], ARGV[1]) then return elsewhere(KEYS[1]) end
for grant = 1, grants do
  if marks[1 + grant] then return { 'REVOKED' } end
end

local call, began, all, shadows = ARGV[3], clock(ARGV[2]), {}, {}
local now = tonumber(began)
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
  local c = read(hash, now, call)
  if c.hold or c.mark then return { 'DUPLICATE' } end
  c.hash, c.list, c.first = hash, list, first
  local into = level <= refusing and all or shadows
  into[#into + 1] = c
end

local MONTH, DAILY, REQUESTS, PER_MINUTE, NONE = 1, 2, 3, 4, 5
-- Which limit is in the way here. Of several, the one that lasts longest. What is no number is the lowest limit.
local function in_the_way(c)
  local per_minute, per_day, daily, monthly = unpack(ARGV, c.first, c.first + 3)
  c.used, c.listed = 0, 0
  if monthly ~= '' and not (c.month_settled + c.month_held + amount <= (tonumber(monthly) or 0)) then return MONTH end
  if daily ~= '' and not (c.day_settled + c.day_held + amount <= (tonumber(daily) or 0)) then return DAILY end
  if per_day ~= '' and not (c.requests + 1 <= (tonumber(per_day) or 0)) then return REQUESTS end
  if per_minute ~= '' then
    c.used, c.oldest, c.listed = in_last_minute(c.list, now)
    if not (c.used + 1 <= (tonumber(per_minute) or 0)) then return PER_MINUTE end
  end
  return NONE
end

-- The same over all of them.
local limit, whose = NONE, nil
for level = 1, #all do
  local here = in_the_way(all[level])
  if here < limit then limit, whose = here, level end
end
if whose then
  local c, level = all[whose], whose - 1
  if limit == MONTH then return { 'SPEND', 'monthly_spend', c.month_settled, c.month_held, c.day, level } end
  if limit == DAILY then return { 'SPEND', 'daily_spend', c.day_settled, c.day_held, c.day, level } end
  if limit == REQUESTS then return { 'RATE', 'requests_per_day', now, (c.day + 1) * DAY, level } end
  local most = tonumber(ARGV[c.first]) or 0
  local leaves = most > 0 and redis.call('LINDEX', c.list, most - 1) or now
  return { 'RATE', 'requests_per_minute', now, leaves + MINUTE, level }
end

-- Nothing was written above, nothing is refused below. What a shadow would have refused is not counted there, as it
-- would not be if the shadow's limits were in force, and the hold does not note that shadow.
local verdicts, noted = {}, ARGV[7]
if levels > refusing then
  local names = { 'monthly_spend', 'daily_spend', 'requests_per_day', 'requests_per_minute', '' }
  for nth, c in ipairs(shadows) do
    verdicts[nth] = names[in_the_way(c)]
    if verdicts[nth] == '' then all[#all + 1] = c end
  end
  local nth = 0
  noted = string.gsub(noted, ',?~%x+', function()
    nth = nth + 1
    if verdicts[nth] ~= '' then return '' end
  end)
end

local deadline = string.format('%.0f', now + lasts)

local answer = 'HELD ' .. began
for level = 1, #all do
  local c = all[level]
  local hash, names = c.hash, c.names
  roll(hash, c.newest, c.day)
  local hold = ARGV[5] .. ':' .. names.text .. ':' .. names.month .. ':' .. deadline .. ':' .. began
  if level == 1 then hold = hold .. noted end
  -- Sums of 15 digits and what is added to them stay below 2^53, so they need no HINCRBY each.
  if #c.month_held <= 15 and #c.day_held <= 15 and #ARGV[5] <= 15 and #c.requests <= 9 then
    local month_held = string.format('%.0f', c.month_held + amount)
    local day_held = c.day_held == c.month_held and month_held or string.format('%.0f', c.day_held + amount)
    local requests = string.format('%d', c.requests + 1)
    redis.call('HSET', hash, names.n, requests, names.mh, month_held, names.dh, day_held, 'r:' .. call, hold)
  else
    redis.call('HINCRBY', hash, names.n, 1)
    redis.call('HINCRBY', hash, names.mh, ARGV[5])
    redis.call('HINCRBY', hash, names.dh, ARGV[5])
    redis.call('HSET', hash, 'r:' .. call, hold)
  end
  if ARGV[c.first] ~= '' then
    local newest = c.used > 0 and redis.call('LINDEX', c.list, '0')
    local entry = newest and newest + 0 > now and newest or began
    redis.call('LPUSH', c.list, entry)
    if c.listed > c.used then redis.call('LTRIM', c.list, 0, c.used) end
    if not newest or not are_near(newest, now) then keep_minute(c.list, entry, now) end
  end
  if level <= refusing then
    answer = answer .. ' ' .. names.text .. ' ' .. c.requests .. ' ' .. c.day_settled .. ' ' .. c.day_held
      .. ' ' .. c.month_settled .. ' ' .. c.month_held .. ' ' .. c.used .. ' ' .. (c.oldest or began)
  end
end
for nth = 1, #verdicts do answer = answer .. ' ' .. verdicts[nth] end

-- Once, under its own grant: whoever ends it there ends it at everything above.
redis.call('ZADD', KEYS[2], deadline, ARGV[4])
-- Where its grant holds something already, that is in the set, and the set was told how long to live.
if all[1].month_held == '0' or all[1].newest ~= all[1].day then redis.call('EXPIRE', KEYS[2], KEPT) end
-- One text: a list costs the caller more to read than to ask for.
return answer
