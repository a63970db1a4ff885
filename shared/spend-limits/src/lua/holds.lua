-- Ending holds and booking calls, one by one.

-- Adds to a sum; `sign` is '' or '-'. ('-0' is not a number to HINCRBY.)
local function add(hash, field, sign, amount)
  if amount ~= '0' then redis.call('HINCRBY', hash, field, sign .. amount) end
end

-- Adds to `kind` ('s' or 'h') of the periods that `day` and `month` name, if they still run:
-- the counters of a period that is over were dropped and stay dropped.
local function count(hash, newest, day, month, kind, sign, amount)
  local names = names_of(newest)
  if month == names.month then add(hash, names['m' .. kind], sign, amount) end
  if tonumber(day) == newest then add(hash, names['d' .. kind], sign, amount) end
end

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
  local entries, placed = redis.call('LRANGE', list, 0, -1), false
  for _, entry in ipairs(entries) do
    if tonumber(entry) <= at then
      redis.call('LINSERT', list, 'BEFORE', entry, at)
      placed = true
      break
    end
  end
  if not placed then redis.call('RPUSH', list, at) end
  keep_minute(list, math.max(at, entries[1] or at), now)
end
