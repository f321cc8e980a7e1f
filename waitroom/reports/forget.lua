--[[
forget: delete what is stored about the visitors of a room that is closed, one batch.

A seat that has not ended stays: whoever holds it is on the site. One whose end is not counted yet
stays until sweep has done so.
The room may have been opened a moment ago: then nothing is touched.

KEYS
  1 settings   hash    tells whether the room is there and closed
  2 waiting    zset    visitor -> place
  3 seen       zset    visitor -> last heartbeat
  4 parked     zset    visitor -> last heartbeat
  5 kept       hash    visitor -> place, of the parked
  6 active     zset    visitor -> seat deadline, ms since epoch
  7 unclaimed  zset    visitor -> admitted
  8 served     hash    visitor -> row of the visit
  9 journal    stream  visits that are over
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's clock
  2 batch_max  int   1..1000, most visitors of each kind
RETURNS  how many entries were deleted, 0 when none is left, -1 when the room is not closed
COST     O(log N) for each entry deleted
CALLER   reports/forgetting.py
]]
local settings, waiting, seen = KEYS[1], KEYS[2], KEYS[3]
local parked, kept, active, unclaimed = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local served, journal = KEYS[8], KEYS[9]
local now_ms, batch_max = tonumber(ARGV[1]), tonumber(ARGV[2])

if redis.call('HGET', settings, 'closed') ~= 'true' then return -1 end
if now_ms == 0 then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local gone = 0
local function drop(visitors, zset, beside, hash)
  if #visitors == 0 then return end
  gone = gone + redis.call('ZREM', zset, unpack(visitors))
  if beside then redis.call('ZREM', beside, unpack(visitors)) end
  if hash then redis.call('HDEL', hash, unpack(visitors)) end
end

drop(redis.call('ZRANGE', waiting, 0, batch_max - 1), waiting, seen)
drop(redis.call('ZRANGE', parked, 0, batch_max - 1), parked, nil, kept)
local over = redis.call('ZRANGE', active, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, batch_max)
local counted, rows_kept = {}, #over > 0 and redis.call('HMGET', served, unpack(over)) or {}
for i, visitor in ipairs(over) do
  if not rows_kept[i] then counted[#counted + 1] = visitor end
end
drop(counted, active, unclaimed)
local rows = redis.call('XLEN', journal)
if rows > 0 then
  gone = gone + redis.call('XTRIM', journal, 'MAXLEN', '=', math.max(0, rows - batch_max))
end
return gone
