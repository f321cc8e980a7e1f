--[[
grant: make an API token whose name is free, and note who did.

KEYS
  1 tokens   hash    name -> record as JSON
  2 digests  hash    digest -> name
  3 audit    stream  who changed what
ARGV
  1 name     text
  2 digest   text
  3 record   text  as JSON
  4 most     int   tokens there may be
  5 length   int   rows kept in the audit trail, about
  6 who      text
  7 changes  text  what to note, as JSON
RETURNS  'done', 'changed' (the name is taken), 'full'
COST     O(1)
CALLER   accounts/scripts.py grant()
]]
local tokens, digests, audit = KEYS[1], KEYS[2], KEYS[3]
local name, digest, record, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local length, who, changes = ARGV[5], ARGV[6], ARGV[7]

if redis.call('HEXISTS', tokens, name) == 1 then return 'changed' end
if redis.call('HLEN', tokens) >= most then return 'full' end
redis.call('HSET', tokens, name, record)
redis.call('HSET', digests, digest, name)
redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'about', 'token ' .. name,
  'changes', changes)
return 'done'
