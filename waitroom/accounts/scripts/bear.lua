#!lua flags=allow-oom
--[[
bear: find an API token that still counts, and note its use.

It counts until it expires, and while the account that made it is an owner of all rooms.

Allowed when Redis is full: programs can still act.

KEYS
  1 tokens   hash  name -> record as JSON
  2 digests  hash  digest -> name
  3 used     hash  name -> last use, ms since epoch
  4 chiefs   set   accounts with a password that are owners of all rooms
ARGV
  1 now_ms    int   0 = the server's own TIME; else a test's clock
  2 digest    text
  3 every_ms  int   how often the last use is written at most
RETURNS  the token's record; false when it does not count
COST     O(1)
CALLER   accounts/scripts.py bear()
]]
local tokens, digests, used, chiefs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now_ms, digest, every_ms = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
local name = redis.call('HGET', digests, digest)
local record = name and redis.call('HGET', tokens, name)
if not record then return false end
local token = cjson.decode(record)
-- An expiry of 0 means never; made by nobody with an account: on the command line.
if token.expires_ms > 0 and now_ms >= token.expires_ms then return false end
if token.by ~= '' and redis.call('SISMEMBER', chiefs, token.by) == 0 then return false end
local last_ms = tonumber(redis.call('HGET', used, name) or 0)
if now_ms - last_ms >= every_ms or now_ms < last_ms then
  redis.call('HSET', used, name, string.format('%.0f', now_ms))
end
return record
