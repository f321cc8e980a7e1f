--[[
leave: give up a seat or a place, and spend the ticket.

KEYS
  1 settings   hash  tells whether the room is there
  2 meta       hash  counters
  3 waiting    zset  visitor -> place, us since epoch
  4 seen       zset  visitor -> last heartbeat, ms since epoch
  5 parked     zset  visitor -> last heartbeat, ms since epoch
  6 active     zset  visitor -> seat deadline, ms since epoch
  7 unclaimed  zset  visitor -> admitted, ms since epoch
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 visitor    text
RETURNS  text: seat, place, or empty when the visitor had neither
NEEDS    room
COST     O(log N)
CALLER   room/scripts.py leave()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local now_ms, visitor = ARGV[1], ARGV[2]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local deadline = tonumber(redis.call('ZSCORE', active, visitor) or nil)
local what = deadline and deadline > room.now_ms and 'seat' or ''
local placed = redis.call('ZREM', waiting, visitor) + redis.call('ZREM', parked, visitor)
redis.call('ZREM', seen, visitor)
if what == '' and placed > 0 then what = 'place' end
if what == '' then return what end
redis.call('ZADD', active, room.now_ms, visitor)
redis.call('ZREM', unclaimed, visitor)
redis.call('HINCRBY', meta, what == 'seat' and 'left_site' or 'left_line', 1)
return what
