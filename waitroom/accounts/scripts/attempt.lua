--[[
attempt: count an attempt to sign in before it is made, or say how long it has to wait.

Counted first, so that attempts made at once do not slip past. Those that have to wait are not
counted: who knocks at a closed door does not keep it closed.

KEYS
  1 knocker  hash  failures and until_ms of a name, or of a browser that is known for it
  2 address  hash  the same of an address
ARGV
  1 now_ms         int  0 = the server's own TIME; else a test's clock
  2 knocker_free   int  failures without a delay
  3 knocker_ms     int  longest delay
  4 knocker_life   int  ms for which failures are kept, from the last one
  5 address_free   int  likewise
  6 address_ms     int
  7 address_life   int  ms for which failures are kept, from the first one
RETURNS  ms to wait; 0 when the attempt may go on and was counted
COST     O(1)
CALLER   accounts/scripts.py attempt()
]]
local knocker, address = KEYS[1], KEYS[2]
local now_ms = tonumber(ARGV[1])
local knocker_free, knocker_ms, knocker_life = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local address_free, address_ms, address_life = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]

if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function wait_ms(key, longest)
  local wait = (tonumber(redis.call('HGET', key, 'until_ms')) or 0) - now_ms
  -- Longer than the longest delay: the clock was set back.
  return wait <= longest and wait or 0
end
local function count(key, free, longest)
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  local delay = failures <= free and 0 or math.min(1000 * 2 ^ math.min(failures - free - 1, 30), longest)
  redis.call('HSET', key, 'until_ms', string.format('%.0f', now_ms + delay))
end

local wait = math.max(wait_ms(knocker, knocker_ms), wait_ms(address, address_ms))
if wait > 0 then return wait end
count(knocker, knocker_free, knocker_ms)
count(address, address_free, address_ms)
redis.call('PEXPIRE', knocker, knocker_life)
-- Never longer than from the first one: an address is not kept for longer than a day.
redis.call('PEXPIRE', address, address_life, 'NX')
return 0
