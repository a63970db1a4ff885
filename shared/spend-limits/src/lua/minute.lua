-- The list of the requests of the last minute, and how long it is kept.
--
-- It must live a minute longer than its newest request. So that not each request says so anew, it is told to
-- live for two when the first request of a half minute comes in: it then has a minute and a half at least.

local HALF_MINUTE = MINUTE / 2

-- How many requests of the list began within the last minute, the oldest of them, and how many are in the list at all.
local function in_last_minute(list, now)
  local length, since = redis.call('LLEN', list), now - MINUTE
  if length == 0 then return 0, nil, 0 end
  local oldest = redis.call('LINDEX', list, '-1')
  if oldest + 0 > since then return length, oldest, length end
  -- What left the minute since the last call is mostly little, so it is looked for from the old end.
  local outside, step = length - 1, 1
  local inside = outside - step
  while inside >= 0 do
    oldest = redis.call('LINDEX', list, inside)
    if oldest + 0 > since then break end
    outside, step = inside, 2 * step
    inside = outside - step
  end
  if inside < 0 then inside, oldest = -1, nil end
  while outside - inside > 1 do
    local middle = math.floor((inside + outside) / 2)
    local entry = redis.call('LINDEX', list, middle)
    if entry + 0 > since then inside, oldest = middle, entry else outside = middle end
  end
  return outside, oldest, length
end

-- A newest request that lies ahead, for the clock went back, counts until the clock has passed it by a minute.
local function keep_minute(list, newest, now)
  redis.call('PEXPIRE', list, string.format('%.0f', 2 * MINUTE + math.max(newest - now, 0)))
end

-- Whether one half minute has both.
local function are_near(one, other) return one - one % HALF_MINUTE == other - other % HALF_MINUTE end
