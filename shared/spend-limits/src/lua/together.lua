-- Calls that came while another was asked about, together: one after the other as if each had come alone, but what
-- they share is read and written once. Each is of a grant with all four limits and with nothing above it. What is not
-- plain (a new day, a sum near 2^53) is answered AT_LENGTH, has changed nothing, and is to be asked about alone.
-- KEYS: 1 epoch mark  2 holds by deadline  then for each grant: revocation mark, counters, last minute
-- ARGV: 1 epoch  2 time (tests)  3 '+'
--       then for each call in one word: number of its grant here, call, amount, lasts (ms), what the hold notes or '-',
--       per minute, per day, daily spend, monthly spend
if ARGV[3] == '+' then
  local marks, grants = { KEYS[1] }, (#KEYS - 2) / 3
  for grant = 1, grants do marks[1 + grant] = KEYS[3 * grant] end
  marks = redis.call('MGET', unpack(marks))
  if not is_mark_of(marks[1], ARGV[1]) then return elsewhere(KEYS[1]) end

  local began = clock(ARGV[2])
  local now = tonumber(began)
  local names = names_of(day_of(now))
  local calls, of_grants = {}, {}
  for grant = 1, grants do of_grants[grant] = {} end
  for nth = 1, #ARGV - 3 do
    local grant, call, amount, lasts, noted, per_minute, per_day, daily, monthly = string.match(ARGV[nth + 3],
      '^(%d+) (%x+) (%d+) (%d+) (%S+) (%d+) (%d+) (%d+) (%d+)$')
    local of_grant = of_grants[tonumber(grant)]
    if not of_grant then return { 'BAD_ARGUMENT' } end
    calls[nth] = {
      call = call, text = amount, amount = tonumber(amount), lasts = tonumber(lasts), noted = noted == '-' and '' or noted,
      per_minute = tonumber(per_minute), per_day = tonumber(per_day), daily = tonumber(daily), monthly = tonumber(monthly),
    }
    of_grant[#of_grant + 1] = calls[nth]
  end

  local listed_until = {}
  -- Decides the calls of one grant, in their order, and writes what they changed.
  local function decide(hash, list, of_grant)
    local fields = { 'p', names.n, names.ds, names.dh, names.ms, names.mh }
    for nth, c in ipairs(of_grant) do
      fields[5 + 2 * nth] = 'r:' .. c.call
      fields[6 + 2 * nth] = 'c:' .. c.call
    end
    local values = redis.call('HMGET', hash, unpack(fields))
    local requests, held_today, held = tonumber(values[2] or 0), tonumber(values[4] or 0), tonumber(values[6] or 0)
    local spent_today, spent = values[3] or '0', values[5] or '0'
    local is_plain = values[1] == names.text
    local used, oldest, listed = in_last_minute(list, now)
    local newest = listed > 0 and redis.call('LINDEX', list, '0')
    local entry = newest and newest + 0 > now and newest or began
    local first_held, before, written, pushed = held, used, {}, {}
    for nth, c in ipairs(of_grant) do
      local amount = c.amount
      if not is_plain or #c.text > 15 or held >= 1e15 or held_today >= 1e15 or requests >= 1e9 then
        c.answer = 'AT_LENGTH'
      elseif values[5 + 2 * nth] or values[6 + 2 * nth] then
        c.answer = 'DUPLICATE'
      elseif not (spent + held + amount <= c.monthly) then
        c.answer = string.format('SPEND monthly_spend %s %d %s 0', spent, held, names.text)
      elseif not (spent_today + held_today + amount <= c.daily) then
        c.answer = string.format('SPEND daily_spend %s %d %s 0', spent_today, held_today, names.text)
      elseif not (requests + 1 <= c.per_day) then
        c.answer = string.format('RATE requests_per_day %s %d 0', began, (names.day + 1) * DAY)
      elseif not (used + 1 <= c.per_minute) then
        local most = c.per_minute
        local leaves = most > #pushed and redis.call('LINDEX', list, most - 1 - #pushed) or most > 0 and entry or now
        c.answer = string.format('RATE requests_per_minute %s %d 0', began, leaves + MINUTE)
      else
        local deadline = string.format('%d', now + c.lasts)
        c.answer = string.format('HELD %s %s %d %s %d %s %d %d %s', began, names.text, requests, spent_today, held_today,
          spent, held, used, oldest or began)
        written[#written + 1] = 'r:' .. c.call
        written[#written + 1] = c.text .. ':' .. names.text .. ':' .. names.month .. ':' .. deadline .. ':' .. began .. c.noted
        pushed[#pushed + 1] = entry
        listed_until[#listed_until + 1] = deadline
        listed_until[#listed_until + 1] = string.sub(hash, #KEYS[2] - 4) .. ':' .. c.call
        requests, held_today, held, used = requests + 1, held_today + amount, held + amount, used + 1
        oldest = oldest or entry
      end
    end
    if #pushed == 0 then return end
    redis.call('HSET', hash, names.n, string.format('%d', requests), names.mh, string.format('%d', held),
      names.dh, string.format('%d', held_today), unpack(written))
    redis.call('LPUSH', list, unpack(pushed))
    if listed > before then redis.call('LTRIM', list, 0, used - 1) end
    if not newest or not are_near(newest, now) then keep_minute(list, entry, now) end
    return first_held == 0
  end

  local answers, is_first = { 'TOGETHER' }, false
  for grant, of_grant in ipairs(of_grants) do
    if marks[1 + grant] then
      for _, c in ipairs(of_grant) do c.answer = 'REVOKED' end
    elseif decide(KEYS[3 * grant + 1], KEYS[3 * grant + 2], of_grant) then
      is_first = true
    end
  end
  if listed_until[1] then redis.call('ZADD', KEYS[2], unpack(listed_until)) end
  if is_first then redis.call('EXPIRE', KEYS[2], KEPT) end
  for nth, c in ipairs(calls) do answers[1 + nth] = c.answer end
  return table.concat(answers, ' + ')
end
