-- The counters of one bucket: a grant's at one provider, a budget's, or a shadow's.
--
-- Hash fields:  p                 the day number of the newest period seen; it never goes back
--               d<day>:n|s|h      that UTC day: requests, settled, held (nano-USD)
--               m<yyyymm>:s|h     that UTC month: settled, held
--               r:<call>          a hold, amount:day:yyyymm:deadline:at, then :c if it was carried in, then, at the
--                                 call's own grant, :@ and its spool, :^ and what is above
--               c:<call>          a call that was booked here but not reserved here, or must never be:
--                                 amount:day:yyyymm:requests that it added
-- List:         the requests of the last minute as milliseconds, newest first; a budget has none
--
-- Sums are changed by HINCRBY, which is exact over 64 bits, or computed where all that goes into them is below
-- 2^53, which is exact as well. Beyond that Lua numbers only compare: limits are below 2^52 and rounding keeps
-- order, so a comparison is right for sums of any size.

-- What the counters of a day and of its month are called. Most scripts ask for one day alone.
local named
local function names_of(day)
  if not named or named.day ~= day then
    local text, month = string.format('%d', day), month_of(day)
    local d, m = 'd' .. text, 'm' .. month
    named = {
      day = day, text = text, month = month,
      n = d .. ':n', ds = d .. ':s', dh = d .. ':h', ms = m .. ':s', mh = m .. ':h',
    }
  end
  return named
end

-- What the counters say now, and whether they know a call.
local function read(hash, now, call)
  local day = day_of(now)
  local names, values
  repeat
    names = names_of(day)
    values = redis.call('HMGET', hash, 'p', names.n, names.ds, names.dh, names.ms, names.mh, 'r:' .. call, 'c:' .. call)
    local newest = tonumber(values[1] or day)
    -- The server's clock went back over midnight: the newer period stays, or a limit would begin anew.
    local behind = newest > day
    if behind then day = newest end
  until not behind
  return {
    day = day, names = names, newest = values[1] and tonumber(values[1]) or nil,
    requests = values[2] or '0', day_settled = values[3] or '0', day_held = values[4] or '0',
    month_settled = values[5] or '0', month_held = values[6] or '0',
    hold = values[7], mark = values[8],
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
