-- In front of every script: which epoch is open, what time it is, what a number may look like.
-- A script that fails half-way is not rolled back, so every argument is checked before the first write.

-- A mark counts only if this very server process wrote it: a restart, a replica that took over
-- and FLUSHALL all leave no mark that counts. `run` names the process; see `script.rs`.
local function marked(key)
  local mark = redis.call('GET', key)
  if mark and string.sub(mark, 1, #run + 1) == run .. ':' then return string.sub(mark, #run + 2) end
  return nil
end

-- Whether a mark says that this epoch is open.
local function is_mark_of(mark, epoch) return mark == run .. ':' .. epoch end

-- Whether this epoch is open.
local function is_open(key, epoch) return is_mark_of(redis.call('GET', key), epoch) end

-- The answer to whoever believes another epoch to be open.
local function elsewhere(key)
  local open = marked(key)
  if open then return { 'BEHIND', open } end
  return { 'NOT_READY' }
end

-- Milliseconds since 1970 by the server's clock, as text: making text of a number costs as much as a command.
-- Only this crate's own tests give another time.
local function clock(given)
  if given ~= '' then return given end
  local time = redis.call('TIME')
  return string.format('%s%03d', time[1], time[2] / 1000)
end

local function milliseconds(given) return tonumber(clock(given)) end

-- A whole number without sign or leading zeros, exact as a Lua number; nil for anything else.
local function whole(text)
  if text == '0' then return 0 end
  local number = text and string.match(text, '^[1-9]%d*$') and tonumber(text)
  if number and number < 9007199254740992 then return number end
  return nil
end
