-- Holds whose deadline is past, oldest first. Ends none of them.
-- KEYS: 1 epoch mark  2 holds by deadline
-- ARGV: 1 epoch  2 time (tests)  3 without so many of the oldest  4 at most  5 what stands before the bucket in the name of its counters
if not is_open(KEYS[1], ARGV[1]) then return elsewhere(KEYS[1]) end
-- A reservation says how long they live only where its grant holds nothing else.
redis.call('EXPIRE', KEYS[2], KEPT)
local found = { 'OVERDUE' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', milliseconds(ARGV[2]), 'LIMIT', ARGV[3], ARGV[4])) do
  local bucket, call = string.match(member, '^([%w%._-]+):(%x+)$')
  local hold = redis.call('HGET', ARGV[5] .. bucket, 'r:' .. call)
  if hold then
    local amount, deadline, at = string.match(hold, '^(%d+):%d+:%d+:(%d+):(%d+)')
    local above = string.match(hold, ':%^([%x$~,]+)$') or ''
    for _, value in ipairs({ bucket, call, amount, deadline, at, above }) do found[#found + 1] = value end
  else
    -- Its counters expired long after their month was over.
    redis.call('ZREM', KEYS[2], member)
  end
end
return found
