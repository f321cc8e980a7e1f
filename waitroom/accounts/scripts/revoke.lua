#!lua flags=allow-oom
--[[
revoke: delete an API token that is still what the caller read, and note who did.

Allowed when Redis is full: it frees memory.

KEYS
  1 tokens   hash    name -> record as JSON
  2 digests  hash    digest -> name
  3 used     hash    name -> last use, ms since epoch
  4 audit    stream  who changed what
ARGV
  1 name     text
  2 before   text  the record as it was read
  3 digest   text
  4 length   int   rows kept in the audit trail, about
  5 who      text
  6 changes  text  what to note, as JSON
RETURNS  'done', 'changed' (it is another one, or gone)
COST     O(1)
CALLER   accounts/scripts.py revoke()
]]
local tokens, digests, used, audit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, before, digest = ARGV[1], ARGV[2], ARGV[3]
local length, who, changes = ARGV[4], ARGV[5], ARGV[6]

if redis.call('HGET', tokens, name) ~= before then return 'changed' end
redis.call('HDEL', tokens, name)
redis.call('HDEL', digests, digest)
redis.call('HDEL', used, name)
redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'about', 'token ' .. name,
  'changes', changes)
return 'done'
