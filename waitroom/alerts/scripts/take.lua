#!lua flags=allow-oom
--[[
take: take something that only one may have at a time, or hold on to it.

Allowed when Redis is full: that is one of the things to tell.

KEYS
  1 held  string  who has it; expires by itself
ARGV
  1 who      text  who wants it
  2 hold_ms  int   for how long
RETURNS  1 if it is theirs now; 0 if somebody else has it
COST     O(1)
CALLER   alerts/book.py take()
]]
local held = KEYS[1]
local who, hold_ms = ARGV[1], ARGV[2]

local has = redis.call('GET', held)
if has and has ~= who then return 0 end
redis.call('SET', held, who, 'PX', hold_ms)
return 1
