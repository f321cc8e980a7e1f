#!lua flags=allow-oom
--[[
renew: use or extend seats. The first use claims the seat for a whole session.

A pass whose seat Redis does not know at all was lost with its data: it brings the seat back
while there is room, so nobody is ever over. One of an epoch that was ended brings nothing back.

Allowed when Redis is full: whoever is on the site stays there.

KEYS
  1 settings   hash  limits
  2 meta       hash  birth, hold, tick, counters
  3 waiting    zset  visitor -> place, us since epoch
  4 seen       zset  visitor -> last heartbeat, ms since epoch
  5 parked     zset  visitor -> last heartbeat, ms since epoch
  6 active     zset  visitor -> seat deadline, ms since epoch
  7 unclaimed  zset  visitor -> admitted, ms since epoch
  8 kept       hash  visitor -> place, of the parked
  9 served     hash  visitor -> row of the visit, of seat holders
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 epoch      int   the room's epoch as the caller knows it
  3 ..         pairs of visitor and the deadline in ms of the pass shown, 0 = none; up to 1000
RETURNS  array: the room's epoch now, then seat deadlines in ms, one a pair; 0 = no seat
NEEDS    room
COST     O(log N) a visitor
CALLER   room/scripts.py renew()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local kept, served = KEYS[8], KEYS[9]
local now_ms, epoch = ARGV[1], tonumber(ARGV[2])

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local full_ms = room.now_ms + room.session_duration_ms
local current = tonumber(redis.call('HGET', settings, 'epoch')) or 0

local function keep(visitor, deadline)
  if redis.call('ZREM', unclaimed, visitor) == 1 then
    redis.call('HINCRBY', meta, 'claimed', 1)
    -- No row: an earlier version gave the seat.
    local row = redis.call('HGET', served, visitor) or '?,?,'
    redis.call('HSET', served, visitor, string.format('%s%.0f', row, room.now_ms))
    deadline = full_ms
  elseif room.disable_session_renewal then
    return deadline
  end
  -- A session that was shortened meanwhile takes nothing away.
  deadline = math.max(deadline, full_ms)
  redis.call('ZADD', active, deadline, visitor)
  return deadline
end

local function bring_back(visitor, shown_ms)
  if shown_ms <= room.now_ms then return 0 end
  if current ~= epoch then return 0 end
  if seats_taken(room, active) >= room.total_active_users then return 0 end
  local deadline = math.min(shown_ms, full_ms)
  redis.call('ZADD', active, deadline, visitor)
  -- Only who came back into the line before has a place; the rest was lost.
  local place = redis.call('ZSCORE', waiting, visitor) or redis.call('HGET', kept, visitor) or '?'
  redis.call('HSET', served, visitor, place .. ',?,?')
  redis.call('ZREM', waiting, visitor)
  redis.call('ZREM', seen, visitor)
  redis.call('ZREM', parked, visitor)
  redis.call('HDEL', kept, visitor)
  redis.call('HINCRBY', meta, 'restored', 1)
  return deadline
end

local deadlines = {current}
for i = 3, #ARGV, 2 do
  local visitor, shown_ms = ARGV[i], tonumber(ARGV[i + 1])
  local deadline = tonumber(redis.call('ZSCORE', active, visitor) or nil)
  if not deadline then deadlines[#deadlines + 1] = bring_back(visitor, shown_ms)
  elseif deadline > room.now_ms then deadlines[#deadlines + 1] = keep(visitor, deadline)
  else deadlines[#deadlines + 1] = 0 end
end
return deadlines
