--[[
forgive: an attempt that was counted was right.

The name starts anew. The address only gets back what this attempt cost it: else somebody with an
account of their own could try those of others without end.

KEYS
  1 knocker  hash  failures and until_ms of a name, or of a browser that is known for it
  2 address  hash  the same of an address
ARGV
RETURNS  1
COST     O(1)
CALLER   accounts/scripts.py forgive()
]]
local knocker, address = KEYS[1], KEYS[2]

redis.call('UNLINK', knocker)
local failures = tonumber(redis.call('HGET', address, 'failures'))
if failures then redis.call('HSET', address, 'failures', math.max(0, failures - 1), 'until_ms', 0) end
return 1
