#!lua flags=allow-oom
--[[
revive: send a delivery again that was given up.

KEYS
  1 dead     hash  delivery's id -> delivery as JSON, of those given up
  2 dead_at  zset  delivery's id -> when it was given up, ms since epoch
  3 outbox   hash  delivery's id -> delivery as JSON
  4 due      zset  delivery's id -> when it is tried next, ms since epoch
ARGV
  1 id        text  the delivery
  2 delivery  text  what it is now, as JSON
  3 due_ms    int   when it is tried
RETURNS  1 if it was among those given up, else 0 and nothing was changed
COST     O(log N)
CALLER   alerts/book.py revive()
]]
local dead, dead_at, outbox, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, delivery, due_ms = ARGV[1], ARGV[2], ARGV[3]

if redis.call('HDEL', dead, id) == 0 then return 0 end
redis.call('ZREM', dead_at, id)
redis.call('HSET', outbox, id, delivery)
redis.call('ZADD', due, due_ms, id)
return 1
