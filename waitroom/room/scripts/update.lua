--[[
update: change settings that are still what the caller read, all or none, and note who did.

A new epoch also ends all seats, so that no pass of the old one comes back.

KEYS
  1 settings   hash    the owner's settings
  2 meta       hash    when the board was made
  3 active     zset    visitor -> seat deadline, ms since epoch
  4 unclaimed  zset    visitor -> admitted, ms since epoch
  5 audit      stream  who changed what
ARGV
  1 length   int   rows kept in the audit trail, about
  2 who      text
  3 changes  text  what to note, as JSON
  4 ..       triples of setting name, value as it was read and new value, both as JSON
RETURNS  1 when they were changed, 0 when one of them was changed meanwhile
COST     O(number of settings)
CALLER   room/scripts.py update()
]]
local settings, meta, active = KEYS[1], KEYS[2], KEYS[3]
local unclaimed, audit = KEYS[4], KEYS[5]
local length, who, changes = ARGV[1], ARGV[2], ARGV[3]

-- Deleted meanwhile: half a room must not come back.
if redis.call('EXISTS', settings) == 0 then return redis.error_reply('NOROOM no such room') end
local triples = {unpack(ARGV, 4)}
for i = 1, #triples, 3 do
  if redis.call('HGET', settings, triples[i]) ~= triples[i + 1] then return 0 end
end
for i = 1, #triples, 3 do
  redis.call('HSET', settings, triples[i], triples[i + 2])
  if triples[i] == 'epoch' then redis.call('UNLINK', active, unclaimed) end
end
-- The next reader makes the board anew.
redis.call('HDEL', meta, 'board_ms')
redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
return 1
