-- Ends a hold at what its call cost. A second time changes nothing.
-- KEYS: 1 epoch mark  2 counters  3 holds by deadline
-- ARGV: 1 epoch  2 time (tests)  3 call  4 member of the holds  5 actual  6 '1' if the call was reserved in this epoch
local open = marked(KEYS[1])
if not open then return { 'NOT_READY' } end
if open ~= ARGV[1] then return { 'BEHIND', open } end
if not whole(ARGV[5]) then return { 'BAD_ARGUMENT' } end

local call, actual = ARGV[3], ARGV[5]
local values = redis.call('HMGET', KEYS[2], 'p', 'r:' .. call, 'c:' .. call)
if not values[2] then
  if values[3] or ARGV[6] == '1' then return { 'ALREADY' } end
  return { 'OTHER_EPOCH' }
end
local carried, day, month = finish(KEYS[2], KEYS[3], ARGV[4], call, tonumber(values[1]), values[2], actual)
-- Whoever carried it in may do so once more after a lost answer; the mark makes that harmless.
-- Its request stays counted, so the mark adds one.
if carried then redis.call('HSET', KEYS[2], 'c:' .. call, actual .. ':' .. day .. ':' .. month .. ':1') end
return { 'DONE' }
