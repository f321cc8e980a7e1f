--[[
seats: how many may be given now, and giving them; after `room`.
]]

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
