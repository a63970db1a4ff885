-- Ends holds at what their calls cost. A second time changes nothing.
-- KEYS: 1 epoch mark  2 holds by deadline  then for each call and each grant, budget and shadow that it counts against: the counters
-- ARGV: 1 epoch  2 time (tests)  then for each of these: call, member of the holds, actual, '1' if it was reserved in this epoch
local open = marked(KEYS[1])
if not open then return { 'NOT_READY' } end
if open ~= ARGV[1] then return { 'BEHIND', open } end
for i = 5, #ARGV, 4 do
  if not whole(ARGV[i]) then return { 'BAD_ARGUMENT' } end
end

local function settle(hash, call, member, actual, own)
  local values = redis.call('HMGET', hash, 'p', 'r:' .. call, 'c:' .. call)
  if not values[2] then
    if values[3] or own == '1' then return 'ALREADY' end
    return 'OTHER_EPOCH'
  end
  local carried, day, month = finish(hash, KEYS[2], member, call, tonumber(values[1]), values[2], actual)
  -- Whoever carried it in may do so once more after a lost answer; the mark makes that harmless.
  -- Its request stays counted, so the mark adds one.
  if carried then redis.call('HSET', hash, 'c:' .. call, actual .. ':' .. day .. ':' .. month .. ':1') end
  return 'DONE'
end

local answers = { 'SETTLED' }
for i = 3, #KEYS do
  local first = 3 + (i - 3) * 4
  answers[#answers + 1] = settle(KEYS[i], ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3])
end
return table.concat(answers, ' ')
