#!lua flags=allow-oom
--[[
settle: take a delivery out of the outbox, or have it tried later, or give it up.

KEYS
  1 outbox   hash  delivery's id -> delivery as JSON
  2 due      zset  delivery's id -> when it is tried next, ms since epoch
  3 dead     hash  delivery's id -> delivery as JSON, of those given up
  4 dead_at  zset  delivery's id -> when it was given up, ms since epoch
ARGV
  1 id        text  the delivery
  2 delivery  text  what it is now, as JSON; empty = it was delivered, or nobody wants it
  3 due_ms    int   when it is tried next; 0 = it is given up
  4 dead_ms   int   when it was given up
  5 keep      int   deliveries kept of those given up; the oldest go
RETURNS  1 if it was in the outbox, else 0 and nothing was changed
COST     O(log N)
CALLER   alerts/book.py settle()
]]
local outbox, due, dead, dead_at = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, delivery, due_ms, dead_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local keep = tonumber(ARGV[5])

if redis.call('HEXISTS', outbox, id) == 0 then return 0 end
if delivery ~= '' and due_ms > 0 then
  redis.call('HSET', outbox, id, delivery)
  redis.call('ZADD', due, due_ms, id)
  return 1
end
redis.call('HDEL', outbox, id)
redis.call('ZREM', due, id)
if delivery ~= '' then
  redis.call('HSET', dead, id, delivery)
  redis.call('ZADD', dead_at, dead_ms, id)
  local old = redis.call('ZRANGE', dead_at, 0, -keep - 1)
  for _, each in ipairs(old) do
    redis.call('HDEL', dead, each)
    redis.call('ZREM', dead_at, each)
  end
end
return 1
