--[[
seats: how many may be given now, and giving them; after `room`, `spans` and `told`.
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

-- Counts how long they waited until now, and whether those who were told a wait were told right.
local function count_waits(room, arrivals, waits, told)
  local known, found, told_how = look_up_told(told, arrivals), {}, {}
  for _, arrived_ms in ipairs(arrivals) do
    local wait_ms = math.max(0, room.now_ms - arrived_ms)
    local said = known[math.floor(arrived_ms / TOLD_MS)]
    add_span(found, 'wait', wait_ms)
    -- Whoever is seated on arrival was told nothing, though a line before them may have been.
    if said and wait_ms >= 1000 then
      local how = wait_ms < said[1] and 'early' or wait_ms <= said[2] and 'right' or 'late'
      told_how[how] = (told_how[how] or 0) + 1
    end
  end
  write_spans(found, waits)
  for how, n in pairs(told_how) do redis.call('HINCRBY', waits, how, n) end
end

-- Seats visitors of the line until their claim is due. The caller has checked the allowance; at
-- most 1000.
local function seat(room, visitors, meta, waiting, seen, active, unclaimed, served, waits, told)
  if #visitors == 0 then return end
  local deadlines, admitted, rows, arrivals = {}, {}, {}, {}
  local since = string.format(',%.0f,', room.now_ms)
  for i, place in ipairs(redis.call('ZMSCORE', waiting, unpack(visitors))) do
    local visitor = visitors[i]
    deadlines[2 * i - 1], deadlines[2 * i] = room.now_ms + room.claim_ttl_ms, visitor
    admitted[2 * i - 1], admitted[2 * i] = room.now_ms, visitor
    rows[2 * i - 1], rows[2 * i] = visitor, place .. since
    arrivals[i] = math.floor(place / 1000)
  end
  redis.call('ZADD', active, unpack(deadlines))
  redis.call('ZADD', unclaimed, unpack(admitted))
  redis.call('HSET', served, unpack(rows))
  redis.call('ZREM', waiting, unpack(visitors))
  redis.call('ZREM', seen, unpack(visitors))
  redis.call('HINCRBY', meta, 'admitted', #visitors)
  count_waits(room, arrivals, waits, told)
  if room.tokens then
    room.tokens = room.tokens - #visitors
    redis.call('HSET', meta, 'tokens', string.format('%.6f', room.tokens), 'tokens_ms', room.now_ms)
  end
end
