#!lua flags=allow-oom
--[[
look: find the account of a sign-in that still counts, and note that it is in use.

A sign-in ends when nothing was done with it for too long, when its last hour is over, and when
the account has another stamp than it or is gone.

Allowed when Redis is full: who is signed in can still act.

KEYS
  1 sign_in   string  {name, stamp, seen_ms, until_ms} as JSON
  2 accounts  hash    name -> record as JSON
ARGV
  1 now_ms   int  0 = the server's own TIME; else a test's clock
  2 idle_ms  int  how long it may be unused
  3 touch    int  1 when this is a use of it, 0 when a page refreshes itself
RETURNS  array of the account's record and until_ms; false when it does not count
COST     O(1)
CALLER   accounts/scripts.py look()
]]
local sign_in, accounts = KEYS[1], KEYS[2]
local now_ms, idle_ms, touch = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
local text = redis.call('GET', sign_in)
if not text then return false end
local found = cjson.decode(text)
local record = redis.call('HGET', accounts, found.name)
if not record or cjson.decode(record).stamp ~= found.stamp
  or now_ms >= found.until_ms or now_ms - found.seen_ms >= idle_ms then
  redis.call('UNLINK', sign_in)
  return false
end
-- A clock that was set back makes no sign-in last longer.
if touch == '1' and now_ms > found.seen_ms then
  found.seen_ms = now_ms
  local left_ms = math.min(idle_ms, found.until_ms - now_ms)
  redis.call('SET', sign_in, cjson.encode(found), 'PX', left_ms)
end
return {record, string.format('%.0f', found.until_ms)}
