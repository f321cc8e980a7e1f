--[[
create: make a room that is not there, and note who did.

KEYS
  1 settings  hash    all of the owner's settings
  2 meta      hash    birth
  3 audit     stream  who changed what
ARGV
  1 now_ms   int   0 = the server's own TIME; else a test's or simulation's clock
  2 length   int   rows kept in the audit trail, about
  3 who      text
  4 changes  text  what to note, as JSON
  5 ..       pairs of setting name and value as JSON
RETURNS  1 when it was made, 0 when a room of this name is there
NEEDS    room
COST     O(number of settings)
CALLER   room/owner_scripts.py create()
]]
local settings, meta, audit = KEYS[1], KEYS[2], KEYS[3]
local now_ms, length, who, changes = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('EXISTS', settings) == 1 then return 0 end
redis.call('HSET', settings, unpack(ARGV, 5))
redis.call('HSET', meta, 'born_ms', read_room(settings, meta, now_ms).now_ms)
local id = redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
redis.call('HSET', meta, 'version', id)
return 1
