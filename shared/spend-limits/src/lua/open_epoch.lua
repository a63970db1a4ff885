-- Sets the completeness mark: from here on limits are answered again.
-- KEYS: 1 epoch mark  2 opening mark
-- ARGV: 1 epoch
if marked(KEYS[2]) ~= ARGV[1] then return { 'LOST' } end
redis.call('SET', KEYS[1], run .. ':' .. ARGV[1])
redis.call('DEL', KEYS[2])
return { 'DONE' }
