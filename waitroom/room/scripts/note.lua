--[[
note: write down that somebody did something in a room that is there.

KEYS
  1 settings  hash    tells whether the room is there
  2 audit     stream  who changed what
ARGV
  1 length   int   rows kept in the audit trail, about
  2 who      text
  3 changes  text  what to note, as JSON
RETURNS  1
COST     O(1), less than the O(log N) of any other verb
CALLER   room/owner_scripts.py note()
]]
local settings, audit = KEYS[1], KEYS[2]
local length, who, changes = ARGV[1], ARGV[2], ARGV[3]

-- Deleted meanwhile: half a room must not come back.
if redis.call('EXISTS', settings) == 0 then return redis.error_reply('NOROOM no such room') end
redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
return 1
