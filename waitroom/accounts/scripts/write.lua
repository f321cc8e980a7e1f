--[[
write: replace an account that is still what the caller read, unless no owner would be left.

KEYS
  1 accounts  hash    name -> record as JSON
  2 chiefs    set     accounts with a password that are owners of all rooms
  3 last_in   hash    name -> last sign-in, ms since epoch
  4 audit     stream  who changed what
  5 versions  hash    name -> id of the newest row in audit
ARGV
  1 name     text
  2 before   text  the record as it was read; empty: there is none
  3 after    text  the record as it is to be; empty: delete it
  4 chief    int   1 when it is one of the chiefs afterwards
  5 first    int   1 when it may only be made while there is no chief
  6 most     int   accounts there may be
  7 length   int   rows kept in the audit trail, about
  8 who      text
  9 changes  text  what to note, as JSON; empty: nothing
RETURNS  'done', 'changed' (read it again), 'last' (no owner would be left), 'taken' (there is a
         chief), 'full'
COST     O(1)
CALLER   accounts/scripts.py write()
]]
local accounts, chiefs, last_in, audit, versions = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local name, before, after, chief, first = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local most, length, who, changes = tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]

if (redis.call('HGET', accounts, name) or '') ~= before then return 'changed' end
local count = redis.call('SCARD', chiefs)
if first == '1' and count > 0 then return 'taken' end
if chief ~= '1' and count == 1 and redis.call('SISMEMBER', chiefs, name) == 1 then return 'last' end
if before == '' and redis.call('HLEN', accounts) >= most then return 'full' end

if after == '' then
  redis.call('HDEL', accounts, name)
  redis.call('HDEL', last_in, name)
else
  redis.call('HSET', accounts, name, after)
end
redis.call(chief == '1' and 'SADD' or 'SREM', chiefs, name)
if changes ~= '' then
  local id = redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'about', name,
    'changes', changes)
  redis.call('HSET', versions, name, id)
end
if after == '' then redis.call('HDEL', versions, name) end
return 'done'
