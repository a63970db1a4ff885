-- Which epoch is open and which is being opened, '' for none. Writes nothing.
-- KEYS: 1 epoch mark  2 opening mark
return { 'POSITION', marked(KEYS[1]) or '', marked(KEYS[2]) or '' }
