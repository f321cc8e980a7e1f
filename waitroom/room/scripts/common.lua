--[[
common: what every script of the engine shares; prepended to each by room/scripts.py.

It reads the clock and the room's limits, says how many seats may be given now, gives them,
and parks whoever fell silent. Scripts pass their own keys, so each declares all it touches.
]]

local LIMITS = {'total_active_users', 'new_users_per_minute', 'session_duration_s', 'claim_ttl_s',
  'heartbeat_ttl_s', 'place_ttl_s', 'recovery_hold_s', 'queue_all', 'suspended', 'closed',
  'disable_session_renewal'}

-- The room's limits at a moment, times in ms; nil when the room is not in Redis.
local function read_room(settings, meta, now_arg)
  local found = redis.call('HMGET', settings, unpack(LIMITS))
  if not found[1] then return nil end
  local room = {}
  for i, name in ipairs(LIMITS) do
    local base = name:match('^(.*)_s$')
    if base then room[base .. '_ms'] = tonumber(found[i]) * 1000
    else room[name] = tonumber(found[i]) or found[i] == 'true' end
  end
  room.now_ms = tonumber(now_arg)
  room.now_us = room.now_ms * 1000
  if room.now_ms == 0 then
    local time = redis.call('TIME')
    room.now_us = time[1] * 1000000 + time[2]
    room.now_ms = math.floor(room.now_us / 1000)
  end
  local known = redis.call('HMGET', meta, 'restored_ms', 'hold_until_ms', 'tick_ms')
  room.restored_ms = tonumber(known[1])
  room.hold_until_ms = tonumber(known[2]) or 0
  room.tick_ms = tonumber(known[3])
  return room
end

-- True while nobody is admitted and nobody is parked. When no tick came for half a heartbeat's
-- life, the service was away, not the visitors: they get time to come back before order is judged.
local function on_hold(room, meta, waiting)
  -- A clock that was set back, or an owner who wants it over sooner, ends a hold that is too long.
  if room.hold_until_ms > room.now_ms + room.recovery_hold_ms then
    room.hold_until_ms = room.now_ms + room.recovery_hold_ms
    redis.call('HSET', meta, 'hold_until_ms', room.hold_until_ms)
  end
  local gap_ms = room.tick_ms and room.now_ms - room.tick_ms or 0
  if gap_ms > room.heartbeat_ttl_ms / 2 and redis.call('ZCARD', waiting) > 0 then
    room.hold_until_ms = math.max(room.hold_until_ms, room.now_ms + room.recovery_hold_ms)
    room.tick_ms = room.now_ms
    redis.call('HSET', meta, 'hold_until_ms', room.hold_until_ms, 'tick_ms', room.now_ms)
  end
  return room.now_ms < room.hold_until_ms
end

local function seats_taken(room, active)
  return redis.call('ZCOUNT', active, string.format('(%.0f', room.now_ms), '+inf')
end

-- How many may be seated now. A rate is a token bucket that holds one second's worth, at least 1.
local function allowance(room, meta, waiting, active)
  -- Asked first: a gap between ticks is to be noticed though the owner holds everybody.
  if on_hold(room, meta, waiting) then return 0 end
  if room.queue_all or room.suspended or room.closed then return 0 end
  local free = room.total_active_users - seats_taken(room, active)
  if free <= 0 then return 0 end
  if not room.new_users_per_minute then return free end
  local burst = math.max(1, room.new_users_per_minute / 60)
  local bucket = redis.call('HMGET', meta, 'tokens', 'tokens_ms')
  local elapsed_ms = room.now_ms - (tonumber(bucket[2]) or room.now_ms)
  if elapsed_ms < 0 then
    -- The clock was set back; the bucket must not stand still until it catches up.
    elapsed_ms = 0
    redis.call('HSET', meta, 'tokens_ms', room.now_ms)
  end
  local tokens = (tonumber(bucket[1]) or burst) + elapsed_ms * room.new_users_per_minute / 60000
  room.tokens = math.min(burst, tokens)
  -- A millionth of slack: 1/3 + 1/3 + 1/3 of a token is one token.
  return math.min(free, math.floor(room.tokens + 1e-6))
end

-- Seats visitors until their claim is due. The caller has checked the allowance; at most 1000.
local function seat(room, visitors, meta, waiting, seen, parked, active, unclaimed)
  if #visitors == 0 then return end
  local deadlines, admitted = {}, {}
  for i, visitor in ipairs(visitors) do
    deadlines[2 * i - 1], deadlines[2 * i] = room.now_ms + room.claim_ttl_ms, visitor
    admitted[2 * i - 1], admitted[2 * i] = room.now_ms, visitor
  end
  redis.call('ZADD', active, unpack(deadlines))
  redis.call('ZADD', unclaimed, unpack(admitted))
  redis.call('ZREM', waiting, unpack(visitors))
  redis.call('ZREM', seen, unpack(visitors))
  redis.call('ZREM', parked, unpack(visitors))
  redis.call('HINCRBY', meta, 'admitted', #visitors)
  if room.tokens then
    room.tokens = room.tokens - #visitors
    redis.call('HSET', meta, 'tokens', string.format('%.6f', room.tokens), 'tokens_ms', room.now_ms)
  end
end

local function silent(room, seen_ms)
  return (tonumber(seen_ms) or 0) + room.heartbeat_ttl_ms <= room.now_ms
end

-- Takes a silent visitor out of the line; the place waits in the visitor's ticket.
local function park(visitor, seen_ms, meta, waiting, seen, parked)
  redis.call('ZREM', waiting, visitor)
  redis.call('ZREM', seen, visitor)
  redis.call('ZADD', parked, seen_ms or 0, visitor)
  redis.call('HINCRBY', meta, 'parked', 1)
end
