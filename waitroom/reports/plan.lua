--[[
plan: ask for a report of a room that is there, unless one is under way.

KEYS
  1 settings   hash  tells whether the room is there
  2 reporting  hash  the report under way
ARGV
  1 plan  text  what it is about, as JSON
RETURNS  1 if this call asked, else 0
COST     O(1)
CALLER   reports/states.py plan()
]]
local settings, reporting = KEYS[1], KEYS[2]
local plan = ARGV[1]

-- Deleted meanwhile: nothing of it must come back.
if redis.call('EXISTS', settings) == 0 then return 0 end
return redis.call('HSETNX', reporting, 'plan', plan)
