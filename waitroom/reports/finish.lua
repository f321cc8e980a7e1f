--[[
finish: note that the report under way is finished, if it is still wanted.

KEYS
  1 reporting  hash  the report under way
  2 reports    hash  the finished ones
  3 closing    hash  which closing has its report
ARGV
  1 id        text  the report
  2 report    text  what is known of it, as JSON
  3 reported  text  the closing that it is about, as JSON; empty for none
RETURNS  1, or 0 when that report is not wanted any more
COST     O(1)
CALLER   reports/states.py finish()
]]
local reporting, reports, closing = KEYS[1], KEYS[2], KEYS[3]
local id, report, reported = ARGV[1], ARGV[2], ARGV[3]

local plan = redis.call('HGET', reporting, 'plan')
if not plan or cjson.decode(plan).id ~= id then return 0 end
redis.call('HSET', reports, id, report)
if reported ~= '' then redis.call('HSET', closing, 'reported', reported) end
redis.call('UNLINK', reporting)
return 1
