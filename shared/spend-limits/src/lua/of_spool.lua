-- Some of the holds that were asked for with one spool, wherever a scan is. Ends none of them.
-- KEYS: 1 epoch mark  2 holds by deadline
-- ARGV: 1 epoch  2 where the scan is  3 about how many to look at  4 what stands before the bucket in the name of its counters
--       5 spool
if not is_open(KEYS[1], ARGV[1]) then return elsewhere(KEYS[1]) end
local scan = redis.call('ZSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
local found = { 'HOLDS', scan[1] }
for at = 1, #scan[2], 2 do
  local bucket, call = string.match(scan[2][at], '^([%w%._-]+):(%x+)$')
  local hold = redis.call('HGET', ARGV[4] .. bucket, 'r:' .. call)
  local segment = hold and string.match(hold, ':@' .. ARGV[5] .. '%.(%d+)')
  if segment then
    local above = string.match(hold, ':%^([%x$~,]+)$') or ''
    for _, value in ipairs({ bucket, call, segment, above }) do found[#found + 1] = value end
  end
end
return found
