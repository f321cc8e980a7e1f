--[[
room: the clock and the owner's limits at a moment, for every script.

Scripts pass their own keys, so each declares all it touches.
]]

-- The room's limits, times in ms; nil when the room is not in Redis.
local function read_room(settings, meta, now_arg)
  local limits = redis.call('HMGET', settings, 'total_active_users', 'new_users_per_minute',
    'session_duration_s', 'claim_ttl_s', 'heartbeat_ttl_s', 'place_ttl_s', 'recovery_hold_s',
    'queue_all', 'suspended', 'closed', 'disable_session_renewal', 'draining')
  if not limits[1] then return nil end
  local known = redis.call('HMGET', meta, 'restored_ms', 'hold_until_ms', 'tick_ms',
    'drain_us')
  local room = {
    total_active_users = tonumber(limits[1]),
    -- Nil is no limit.
    new_users_per_minute = tonumber(limits[2]),
    session_duration_ms = limits[3] * 1000,
    claim_ttl_ms = limits[4] * 1000,
    heartbeat_ttl_ms = limits[5] * 1000,
    place_ttl_ms = limits[6] * 1000,
    recovery_hold_ms = limits[7] * 1000,
    queue_all = limits[8] == 'true',
    suspended = limits[9] == 'true',
    closed = limits[10] == 'true',
    disable_session_renewal = limits[11] == 'true',
    -- Since when it drains; false if it does not. After a loss of data: since the loss.
    drain_us = limits[12] == 'true'
      and (tonumber(known[4]) or known[1] and known[1] * 1000 or math.huge),
    restored_ms = tonumber(known[1]),
    hold_until_ms = tonumber(known[2]) or 0,
    tick_ms = tonumber(known[3]),
    now_ms = tonumber(now_arg),
  }
  room.now_us = room.now_ms * 1000
  if room.now_ms == 0 then
    local time = redis.call('TIME')
    room.now_us = time[1] * 1000000 + time[2]
    room.now_ms = math.floor(room.now_us / 1000)
  end
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
