-- Most calls by far: of a grant with all four limits, with nothing above it, which are held. They are decided here
-- with no functions but the calendar's and no tables of their own, for these are most of what a call costs Redis.
-- Whatever is not plain (a limit in the way, a new day, a list that is to be cut, a sum near 2^53) changes nothing
-- here and is decided below, at length. What is held is the same, to the last byte: see `tests/shortcuts.rs`.
-- KEYS and ARGV: as below.

if #KEYS == 5 and #ARGV == 12 and ARGV[8] == '1' then
  local per_minute, per_day, daily, monthly = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
  local marks = redis.call('MGET', KEYS[1], KEYS[3])
  if marks[1] == run .. ':' .. ARGV[1] and not marks[2] and per_minute and per_day and daily and monthly
    and #ARGV[5] <= 15 and string.find(ARGV[5], '^%d+$') and string.find(ARGV[6], '^%d+$') then
    local began, amount = ARGV[2], tonumber(ARGV[5])
    if began == '' then
      local time = redis.call('TIME')
      began = string.format('%s%03d', time[1], time[2] / 1000)
    end
    local now = tonumber(began)
    local day = day_of(now)
    local text, month = string.format('%d', day), month_of(day)

    local hash, list, r = KEYS[4], KEYS[5], 'r:' .. ARGV[3]
    local d, m = 'd' .. text, 'm' .. month
    local n, dh, mh = d .. ':n', d .. ':h', m .. ':h'
    local values = redis.call('HMGET', hash, 'p', n, d .. ':s', dh, m .. ':s', mh, r, 'c:' .. ARGV[3])
    local requests, day_settled, day_held = values[2] or '0', values[3] or '0', values[4] or '0'
    local month_settled, month_held = values[5] or '0', values[6] or '0'
    if values[1] == text and not values[7] and not values[8]
      and #month_held <= 15 and #day_held <= 15 and #requests <= 9
      and month_settled + month_held + amount <= monthly and day_settled + day_held + amount <= daily
      and requests + 1 <= per_day then
      local used = redis.call('LLEN', list)
      local oldest = used > 0 and redis.call('LINDEX', list, '-1')
      local newest = used > 1 and redis.call('LINDEX', list, '0') or oldest
      if used + 1 <= per_minute and (used == 0 or oldest + 0 > now - MINUTE and newest + 0 <= now) then
        local deadline = string.format('%.0f', now + ARGV[6])
        local of_month = string.format('%.0f', month_held + amount)
        local of_day = day_held == month_held and of_month or string.format('%.0f', day_held + amount)
        redis.call('HSET', hash, n, string.format('%d', requests + 1), mh, of_month, dh, of_day,
          r, ARGV[5] .. ':' .. text .. ':' .. month .. ':' .. deadline .. ':' .. began .. ARGV[7])
        redis.call('LPUSH', list, began)
        -- As `keep_minute`.
        if used == 0 or newest - newest % 30000 ~= now - now % 30000 then redis.call('PEXPIRE', list, '120000') end
        redis.call('ZADD', KEYS[2], deadline, ARGV[4])
        if month_held == '0' then redis.call('EXPIRE', KEYS[2], KEPT) end
        return 'HELD ' .. began .. ' ' .. text .. ' ' .. requests .. ' ' .. day_settled .. ' ' .. day_held
          .. ' ' .. month_settled .. ' ' .. month_held .. ' ' .. used .. ' ' .. (oldest or began)
      end
    end
  end
end
