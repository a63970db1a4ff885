-- Ends holds at what their calls cost. A second time changes nothing.
-- KEYS: 1 epoch mark  2 holds by deadline  then for each call and each grant, budget and shadow that it counts against: the counters
-- ARGV: 1 epoch  2 time (tests)  then for each of these: call, member of the holds where it is listed or '', actual,
--       '1' if it was reserved in this epoch
if not is_open(KEYS[1], ARGV[1]) then return elsewhere(KEYS[1]) end

-- What ends in one bucket ends together: each command is given once.
local buckets, hashes = {}, {}
for nth = 1, #KEYS - 2 do
  local hash = KEYS[nth + 2]
  if not whole(ARGV[4 * nth + 1]) then return { 'BAD_ARGUMENT' } end
  local ending = buckets[hash]
  if ending then
    ending[#ending + 1] = nth
  else
    buckets[hash] = { nth }
    hashes[#hashes + 1] = hash
  end
end

local function add(hash, field, sign, sum)
  if sum > 0 then redis.call('HINCRBY', hash, field, sign .. string.format('%.0f', sum)) end
end

local words, members = {}, {}
-- Ends the holds of one bucket, each in the periods in which it was reserved: the counters of a period that is over
-- were dropped and stay dropped.
local function settle(hash, ending)
  local fields = { 'p' }
  for at = 1, #ending do fields[at + 1] = 'r:' .. ARGV[4 * ending[at] - 1] end
  local values = redis.call('HMGET', hash, unpack(fields))
  local names = names_of(tonumber(values[1] or 0))
  local spent, held, spent_today, held_today, all = 0, 0, 0, 0, 0
  local function add_up()
    add(hash, names.ms, '', spent)
    add(hash, names.mh, '-', held)
    add(hash, names.ds, '', spent_today)
    add(hash, names.dh, '-', held_today)
    spent, held, spent_today, held_today, all = 0, 0, 0, 0, 0
  end
  local ended, seen = {}, {}
  for at = 1, #ending do
    local field, hold, nth = fields[at + 1], values[at + 1], ending[at]
    local call, member, actual, own = ARGV[4 * nth - 1], ARGV[4 * nth], ARGV[4 * nth + 1], ARGV[4 * nth + 2]
    if hold and not seen[field] then
      local amount, day, month, carried = string.match(hold, '^(%d+):(%d+):(%d+):%d+:%d+:?(c?)')
      -- No sum is above that of all, so as long as this is exact, they are.
      if all + actual + amount >= 9007199254740992 then add_up() end
      all = all + actual + amount
      if month == names.month then spent, held = spent + actual, held + amount end
      if day == names.text then spent_today, held_today = spent_today + actual, held_today + amount end
      seen[field], ended[#ended + 1] = true, field
      if member ~= '' then members[#members + 1] = member end
      -- Whoever carried it in may do so once more after a lost answer; the mark makes that harmless.
      -- Its request stays counted, so the mark adds one.
      if carried == 'c' then redis.call('HSET', hash, 'c:' .. call, actual .. ':' .. day .. ':' .. month .. ':1') end
      words[nth] = 'DONE'
    elseif own == '1' or redis.call('HEXISTS', hash, 'c:' .. call) == 1 then
      words[nth] = 'ALREADY'
    else
      words[nth] = 'OTHER_EPOCH'
    end
  end
  add_up()
  if ended[1] then redis.call('HDEL', hash, unpack(ended)) end
end

for _, hash in ipairs(hashes) do settle(hash, buckets[hash]) end
if members[1] then redis.call('ZREM', KEYS[2], unpack(members)) end
return 'SETTLED ' .. table.concat(words, ' ')
