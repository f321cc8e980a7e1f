--[[
change: change a channel or a rule that has still the version that the caller read, and note who did.

KEYS
  1 items     hash    name -> channel or rule as JSON
  2 versions  hash    what it is about -> id of the newest row in audit
  3 audit     stream  who changed what
ARGV
  1 name     text  the channel's or the rule's
  2 about    text  as the trail says it
  3 version  text  as it was read; 0-0: nobody has changed it
  4 after    text  what it is to be, as JSON; empty: delete it
  5 length   int   rows kept in the audit trail, about
  6 who      text
  7 what     text  what was done
  8 changes  text  what to note, as JSON
RETURNS  1 when it was changed, 0 when somebody else was quicker
COST     O(1)
CALLER   alerts/configured.py change()
]]
local items, versions, audit = KEYS[1], KEYS[2], KEYS[3]
local name, about, version, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local length, who, what, changes = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

if (redis.call('HGET', versions, about) or '0-0') ~= version then return 0 end
local id = redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'what', what,
  'about', about, 'changes', changes)
if after == '' then
  redis.call('HDEL', items, name)
  redis.call('HDEL', versions, about)
else
  redis.call('HSET', items, name, after)
  redis.call('HSET', versions, about, id)
end
return 1
