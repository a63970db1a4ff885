-- The counters of one bucket: a grant's at one provider, a budget's, or a shadow's.
--
-- Hash fields:  p                 the day number of the newest period seen; it never goes back
--               d<day>:n|s|h      that UTC day: requests, settled, held (nano-USD)
--               m<yyyymm>:s|h     that UTC month: settled, held
--               r:<call>          a hold, amount:day:yyyymm:deadline:at, then :c if it was carried in, then
--                                 :^ and what is above, at the call's own grant
--               c:<call>          a call that was booked here but not reserved here, or must never be:
--                                 amount:day:yyyymm:requests that it added
-- List:         the requests of the last minute as milliseconds, newest first; a budget has none
--
-- Sums are changed by HINCRBY alone, which is exact over 64 bits. Lua numbers only compare: limits
-- are below 2^52 and rounding keeps order, so a comparison is right for sums of any size.

local DAY, MINUTE, KEPT = 86400000, 60000, 3888000

local function day_of(ms) return math.floor(ms / DAY) end

-- The calendar month of a day number, as yyyymm (proleptic Gregorian, from days since 1970-01-01).
local function month_of(day)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local of_era = z - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
    - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local shifted = math.floor((5 * of_year + 2) / 153)
  local month = shifted < 10 and shifted + 3 or shifted - 9
  return string.format('%d%02d', year + era * 400 + (month <= 2 and 1 or 0), month)
end

-- How many requests of the list began within the last minute.
local function in_last_minute(list, now)
  local length = redis.call('LLEN', list)
  if length == 0 or tonumber(redis.call('LINDEX', list, -1)) > now - MINUTE then return length end
  local low, high = 0, length - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', list, middle)) > now - MINUTE then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- What the counters say now, and up to two further fields.
local function read(hash, now, ...)
  local day = day_of(now)
  local values
  repeat
    local d, m = 'd' .. day, 'm' .. month_of(day)
    values = redis.call('HMGET', hash, 'p', d .. ':n', d .. ':s', d .. ':h', m .. ':s', m .. ':h', ...)
    local newest = tonumber(values[1] or day)
    -- The server's clock went back over midnight: the newer period stays, or a limit would begin anew.
    local behind = newest > day
    if behind then day = newest end
  until not behind
  return {
    day = day, month = month_of(day), newest = values[1] and tonumber(values[1]) or nil,
    requests = values[2] or '0', day_settled = values[3] or '0', day_held = values[4] or '0',
    month_settled = values[5] or '0', month_held = values[6] or '0',
    extra = { values[7], values[8] },
  }
end

-- Begins a new day: counters of earlier periods go. Marks go when their month is over and a day has
-- passed: before that, booking their call again would count it twice.
local function roll(hash, newest, day)
  if newest == day then return end
  redis.call('HSET', hash, 'p', day)
  redis.call('EXPIRE', hash, KEPT)
  if not newest then return end
  redis.call('HDEL', hash, 'd' .. newest .. ':n', 'd' .. newest .. ':s', 'd' .. newest .. ':h')
  local month = month_of(newest)
  if month ~= month_of(day) then redis.call('HDEL', hash, 'm' .. month .. ':s', 'm' .. month .. ':h') end
  local all = redis.call('HGETALL', hash)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'c:' then
      local of_day, of_month = string.match(all[i + 1], '^%d+:(%d+):(%d+):')
      if of_month ~= month_of(day) and tonumber(of_day) < day - 1 then redis.call('HDEL', hash, all[i]) end
    end
  end
end

-- Adds to a sum; `sign` is '' or '-'. ('-0' is not a number to HINCRBY.)
local function add(hash, field, sign, amount)
  if amount ~= '0' then redis.call('HINCRBY', hash, field, sign .. amount) end
end

-- Adds to `kind` ('s' or 'h') of the periods that `day` and `month` name, if they still run:
-- the counters of a period that is over were dropped and stay dropped.
local function count(hash, newest, day, month, kind, sign, amount)
  if month == month_of(newest) then add(hash, 'm' .. month .. ':' .. kind, sign, amount) end
  if tonumber(day) == newest then add(hash, 'd' .. day .. ':' .. kind, sign, amount) end
end

-- What a hold says at its end of the grants, budgets and shadows above.
local function above_noted(owners) return owners ~= '' and ':^' .. owners or '' end

-- Ends a hold at what the call cost, in the periods in which it was reserved. Returns whether it was carried in.
local function finish(hash, holds, member, call, newest, hold, actual)
  local amount, day, month, rest = string.match(hold, '^(%d+):(%d+):(%d+):%d+:%d+(.*)$')
  count(hash, newest, day, month, 's', '', actual)
  count(hash, newest, day, month, 'h', '-', amount)
  redis.call('HDEL', hash, 'r:' .. call)
  redis.call('ZREM', holds, member)
  return string.sub(rest, 1, 2) == ':c', day, month
end

-- Puts a request that began at `at` into its place in the list of the last minute, where there is one.
local function insert_into_minute(list, at, now)
  if not list or now - at >= MINUTE then return end
  local placed = false
  for _, entry in ipairs(redis.call('LRANGE', list, 0, -1)) do
    if tonumber(entry) <= at then
      redis.call('LINSERT', list, 'BEFORE', entry, at)
      placed = true
      break
    end
  end
  if not placed then redis.call('RPUSH', list, at) end
  redis.call('PEXPIRE', list, 2 * MINUTE)
end
