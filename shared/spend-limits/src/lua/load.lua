-- Puts what the ledger knows of one bucket into the epoch that is being opened. A part counts once.
-- KEYS: 1 epoch mark  2 opening mark  3 counters  4 holds by deadline  5 last minute, not of a budget
-- ARGV: 1 epoch  2 time (tests)  3 lease (ms)  4 bucket  5 part, from 1  6 day of the sums
--       7 settled that day  8 requests that day  9 settled that month
--       then, for each call that the sums hold and a proxy may still remember: call, reserved at (ms)
if marked(KEYS[2]) ~= ARGV[1] then return { 'LOST' } end
for i = 5, 9 do
  if not string.match(ARGV[i], '^%d+$') or #ARGV[i] > 18 then return { 'BAD_ARGUMENT' } end
end
for i = 10, #ARGV, 2 do
  if not whole(ARGV[i + 1]) then return { 'BAD_ARGUMENT' } end
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local hash, part = KEYS[3], tonumber(ARGV[5])
if tonumber(redis.call('HGET', hash, 'l') or 0) >= part then return { 'ALREADY' } end

local now = milliseconds(ARGV[2])
local c = read(hash, now, '')
roll(hash, c.newest, c.day)
local of_day = tonumber(ARGV[6])
if month_of(of_day) == c.names.month then add(hash, c.names.ms, '', ARGV[9]) end
if of_day == c.day then
  add(hash, c.names.ds, '', ARGV[7])
  add(hash, c.names.n, '', ARGV[8])
end

for i = 10, #ARGV, 2 do
  local call, at = ARGV[i], whole(ARGV[i + 1])
  local values = redis.call('HMGET', hash, 'r:' .. call, 'c:' .. call)
  local day = math.min(day_of(at), c.day)
  local month = month_of(day)
  if values[1] then
    -- A proxy carried it in as a live hold: the sums have it, so its hold and its request go.
    local _, d, m = finish(hash, KEYS[4], ARGV[4] .. ':' .. call, call, c.day, values[1], '0')
    if tonumber(d) == c.day then redis.call('HINCRBY', hash, 'd' .. d .. ':n', -1) end
    day, month = tonumber(d), m
  elseif values[2] then
    -- A proxy carried it in as settled: the same.
    local amount, d, m, added = string.match(values[2], '^(%d+):(%d+):(%d+):(%d)$')
    count(hash, c.day, d, m, 's', '-', amount)
    if tonumber(d) == c.day then add(hash, 'd' .. d .. ':n', '-', added) end
  else
    insert_into_minute(KEYS[5], at, now)
  end
  redis.call('HSET', hash, 'c:' .. call, string.format('0:%d:%s:0', day, month))
end
redis.call('HSET', hash, 'l', part)
return { 'DONE' }
