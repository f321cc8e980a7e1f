#!lua flags=allow-oom
--[[
tell: note the new state of a condition, and what is to be told of it, if nobody did so meanwhile.

Allowed when Redis is full: that is one of the things to tell.

KEYS
  1 states  hash    condition's id -> state as JSON
  2 outbox  hash    delivery's id -> delivery as JSON
  3 due     zset    delivery's id -> when it is tried next, ms since epoch
  4 told    stream  alerts told
ARGV
  1 id      text  the condition
  2 before  text  its state as it was read, as JSON; empty = there was none
  3 after   text  its new state as JSON; empty = none
  4 alert   text  the alert as JSON; empty = there is nothing to tell
  5 length  int   alerts kept in `told`, about
  6 due_ms, 7 delivery's id, 8 delivery as JSON: and so on, three for each delivery
RETURNS  1 if noted; 0 if somebody else changed the state since it was read
COST     O(log N) a delivery
CALLER   alerts/book.py tell()
]]
local states, outbox, due, told = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, before, after, alert, length = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

if (redis.call('HGET', states, id) or '') ~= before then return 0 end
if after == '' then
  redis.call('HDEL', states, id)
else
  redis.call('HSET', states, id, after)
end
if alert ~= '' then redis.call('XADD', told, 'MAXLEN', '~', length, '*', 'alert', alert) end
for i = 6, #ARGV, 3 do
  redis.call('HSET', outbox, ARGV[i + 1], ARGV[i + 2])
  redis.call('ZADD', due, ARGV[i], ARGV[i + 1])
end
return 1
