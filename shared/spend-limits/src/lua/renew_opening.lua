-- Keeps an opening while the ledger is being read.
-- KEYS: 1 epoch mark  2 opening mark
-- ARGV: 1 epoch  2 time (tests)  3 lease (ms)
if marked(KEYS[2]) ~= ARGV[1] then return { 'LOST' } end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return { 'DONE' }
