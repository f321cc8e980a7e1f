#!lua flags=allow-oom
--[[
update: change settings that are still what the caller read, all or none, and note who did.

A new epoch also ends all seats, so that no pass of the old one comes back.

Allowed when Redis is full: an owner can still stop a room or change its limits.

KEYS
  1 settings   hash    the owner's settings
  2 meta       hash    when the board was made, an epoch was ended, a drain began
  3 active     zset    visitor -> seat deadline, ms since epoch
  4 unclaimed  zset    visitor -> admitted, ms since epoch
  5 audit      stream  who changed what
  6 served     hash    visitor -> row of the visit, of seat holders
  7 cut        zset    visitor -> seat deadline, of seats that ended with their epoch
  8 cut_rows   hash    visitor -> row of the visit, of the same
ARGV
  1 now_ms   int   0 = the server's own TIME; else a test's or simulation's clock
  2 length   int   rows kept in the audit trail, about
  3 who      text
  4 changes  text  what to note, as JSON
  5 ..       triples of setting name, value as it was read and new value, both as JSON
RETURNS  1 when they were changed, 0 when one of them was changed meanwhile, -1 when seats of an
         epoch that was ended before are not all noted yet: sweep, then ask again
NEEDS    room
COST     O(number of settings)
CALLER   room/owner_scripts.py update()
]]
local settings, meta, active, unclaimed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local audit, served, cut, cut_rows = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local now_ms, length, who, changes = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local room = read_room(settings, meta, now_ms)
-- Deleted meanwhile: half a room must not come back.
if not room then return redis.error_reply('NOROOM no such room') end
local triples, ends = {unpack(ARGV, 5)}, false
for i = 1, #triples, 3 do
  if redis.call('HGET', settings, triples[i]) ~= triples[i + 1] then return 0 end
  ends = ends or triples[i] == 'epoch'
end
if ends and redis.call('EXISTS', cut) == 1 then return -1 end
for i = 1, #triples, 3 do
  redis.call('HSET', settings, triples[i], triples[i + 2])
  if triples[i] == 'draining' then
    redis.call('HSET', meta, 'drain_us', string.format('%.0f', room.now_us))
  end
end
if ends then
  -- Put aside at once, however many they are; the sweep notes them one by one.
  if redis.call('EXISTS', active) == 1 then redis.call('RENAME', active, cut) end
  if redis.call('EXISTS', served) == 1 then redis.call('RENAME', served, cut_rows) end
  redis.call('UNLINK', unclaimed)
  redis.call('HSET', meta, 'cut_ms', room.now_ms)
  redis.call('HDEL', meta, 'over_ms', 'over_n')
end
-- The next reader makes the board anew.
redis.call('HDEL', meta, 'board_ms')
local id = redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
redis.call('HSET', meta, 'version', id)
return 1
