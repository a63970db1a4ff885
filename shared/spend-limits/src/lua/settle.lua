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

-- Changes one counter by all that was added up for it.
local function change(hash, names, sums, kind)
  if sums[kind] == 0 then return end
  local sign = (kind == 'mh' or kind == 'dh') and '-' or ''
  redis.call('HINCRBY', hash, names[kind], sign .. string.format('%.0f', sums[kind]))
  sums[kind] = 0
end

-- Adds up what one counter is to change by, as long as that is exact.
local function add_up(hash, names, sums, kind, amount)
  if sums[kind] + amount >= 9007199254740992 then change(hash, names, sums, kind) end
  sums[kind] = sums[kind] + amount
end

local words, members = {}, {}
-- Ends the holds of one bucket, each in the periods in which it was reserved, if they still run.
local function settle(hash, ending)
  local fields = { 'p' }
  for at, nth in ipairs(ending) do fields[at + 1] = 'r:' .. ARGV[4 * nth - 1] end
  local values = redis.call('HMGET', hash, unpack(fields))
  local names = names_of(tonumber(values[1] or 0))
  local sums, ended, seen = { ms = 0, mh = 0, ds = 0, dh = 0 }, {}, {}
  for at, nth in ipairs(ending) do
    local field, hold = fields[at + 1], values[at + 1]
    local call, member, actual, own = ARGV[4 * nth - 1], ARGV[4 * nth], ARGV[4 * nth + 1], ARGV[4 * nth + 2]
    if hold and not seen[field] then
      local amount, day, month, carried = string.match(hold, '^(%d+):(%d+):(%d+):%d+:%d+:?(c?)')
      if month == names.month then
        add_up(hash, names, sums, 'ms', actual)
        add_up(hash, names, sums, 'mh', amount)
      end
      if day == names.text then
        add_up(hash, names, sums, 'ds', actual)
        add_up(hash, names, sums, 'dh', amount)
      end
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
  for kind in pairs(sums) do change(hash, names, sums, kind) end
  if ended[1] then redis.call('HDEL', hash, unpack(ended)) end
end

for _, hash in ipairs(hashes) do settle(hash, buckets[hash]) end
if members[1] then redis.call('ZREM', KEYS[2], unpack(members)) end
return 'SETTLED ' .. table.concat(words, ' ')
