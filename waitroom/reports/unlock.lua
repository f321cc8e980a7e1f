--[[
unlock: give up the right to write a report, if it is still ours.

KEYS
  1 writing  string  who writes
ARGV
  1 token  text  ours
RETURNS  1 if it was ours, else 0
COST     O(1)
CALLER   reports/turn.py
]]
local writing, token = KEYS[1], ARGV[1]

if redis.call('GET', writing) ~= token then return 0 end
return redis.call('DEL', writing)
