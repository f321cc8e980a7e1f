--[[
tell: show how far the report under way is, if it is still the one that is being written.

KEYS
  1 reporting  hash  the report under way
ARGV
  1 id        text  the report
  2 progress  text  how far it is, as JSON
RETURNS  1, or 0 when that report is not wanted any more
COST     O(1)
CALLER   reports/states.py tell()
]]
local reporting = KEYS[1]
local id, progress = ARGV[1], ARGV[2]

local plan = redis.call('HGET', reporting, 'plan')
if not plan or cjson.decode(plan).id ~= id then return 0 end
redis.call('HSET', reporting, 'progress', progress)
return 1
