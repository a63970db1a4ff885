-- Books a call that was reserved in an earlier epoch, once, without asking the limits: the money is being spent.
-- KEYS: 1 epoch mark  2 opening mark  3 counters  4 holds by deadline  5 last minute, not of a budget
-- ARGV: 1 epoch, open or opening  2 time (tests)  3 call  4 member of the holds  5 'held' or 'settled'
--       6 amount  7 reserved at (ms)  8 deadline (ms)  9 requests it adds, 0 or 1  10 ':^' and what is above, '' for nothing
-- A call is booked at its own grant and at each grant, budget and shadow above. There its member is '': it is listed once.
if marked(KEYS[1]) ~= ARGV[1] and marked(KEYS[2]) ~= ARGV[1] then return { 'CLOSED' } end
local call, held, amount, at = ARGV[3], ARGV[5] == 'held', ARGV[6], whole(ARGV[7])
if not whole(amount) or not at or not whole(ARGV[8]) or not string.match(ARGV[9], '^[01]$') then
  return { 'BAD_ARGUMENT' }
end

local now = milliseconds(ARGV[2])
local c = read(KEYS[3], now, call)
local hold = c.hold
if c.mark or (held and hold) then return { 'ALREADY' } end

roll(KEYS[3], c.newest, c.day)
local adds = ARGV[9]
-- What may never have been reserved has no day of its own; its mark stays as long as today's do.
local day = adds == '0' and c.day or math.min(day_of(at), c.day)
local month = month_of(day)
if hold then
  local _, of_day, of_month = finish(KEYS[3], KEYS[4], ARGV[4], call, c.day, hold, amount)
  day, month, adds = tonumber(of_day), of_month, '1'
else
  if day == c.day then add(KEYS[3], 'd' .. day .. ':n', '', adds) end
  if adds == '1' then insert_into_minute(KEYS[5], at, now) end
  count(KEYS[3], c.day, day, month, held and 'h' or 's', '', amount)
end
if held then
  redis.call('HSET', KEYS[3], 'r:' .. call,
    string.format('%s:%d:%s:%s:%s:c', amount, day, month, ARGV[8], ARGV[7]) .. ARGV[10])
  if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[4], ARGV[8], ARGV[4])
    redis.call('EXPIRE', KEYS[4], KEPT)
  end
else
  redis.call('HSET', KEYS[3], 'c:' .. call, string.format('%s:%d:%s:%s', amount, day, month, adds))
end
return { 'DONE' }
