-- Begins to open an epoch, unless one is open or somebody else is at it.
-- KEYS: 1 epoch mark  2 opening mark
-- ARGV: 1 new epoch  2 time (tests)  3 lease (ms)
if marked(KEYS[1]) then return { 'OPEN' } end
if marked(KEYS[2]) then return { 'BUSY' } end
redis.call('SET', KEYS[2], run .. ':' .. ARGV[1], 'PX', ARGV[3])
return { 'BEGUN', milliseconds(ARGV[2]) }
