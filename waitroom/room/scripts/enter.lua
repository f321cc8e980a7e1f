--[[
enter: give visitors the seat or the place that is theirs; a seat at once when one is free
and nobody present is before them.

One id has one place for ever. A ticket that is spent, or too old to count, makes its holder a
new visitor at the tail, under an id derived from the old one, so asking again finds the same.

KEYS
  1 settings   hash  limits
  2 meta       hash  birth, hold, tick, rate bucket, counters
  3 waiting    zset  visitor -> place, us since epoch (lower is earlier)
  4 seen       zset  visitor -> last heartbeat, ms since epoch
  5 parked     zset  visitor -> last heartbeat, ms since epoch
  6 active     zset  visitor -> seat deadline, ms since epoch
  7 unclaimed  zset  visitor -> admitted, ms since epoch
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 ..         pairs of visitor and the place of the ticket shown, 0 = none; up to 1000 pairs
RETURNS  array, five a visitor: state (seated, waiting, suspended, closed), visitor, place,
         position (0 unless waiting), seat deadline ms (0 unless seated)
COST     O(log N) a visitor, and for each silent one parked on the way, at most 100 a visitor
CALLER   room/scripts.py enter()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local now_ms = ARGV[1]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local reborn = room.restored_ms and room.now_ms < room.restored_ms + room.place_ttl_ms

-- Whether a place that Redis does not know counts: young, or from before the data was lost.
local function counts(place)
  local placed_ms = place / 1000
  return room.now_ms - placed_ms < room.place_ttl_ms or (reborn and placed_ms < room.restored_ms)
end

-- Who this is, and what they have: visitor, place, deadline of a seat, where the place stands.
local function resolve(visitor, place)
  for _ = 1, 64 do
    local deadline = tonumber(redis.call('ZSCORE', active, visitor) or nil)
    if deadline and deadline > room.now_ms then return visitor, place, deadline end
    if not deadline then
      local stored = redis.call('ZSCORE', waiting, visitor)
      if stored then return visitor, tonumber(stored), nil, 'waiting' end
      if place > 0 and redis.call('ZSCORE', parked, visitor) then
        return visitor, place, nil, 'parked'
      end
      if place == 0 or counts(place) then return visitor, place end
    end
    visitor, place = redis.sha1hex(visitor):sub(1, 22), 0
  end
  -- Whoever spent that many seats with one ticket is somebody new each time.
  return redis.sha1hex(visitor .. room.now_ms):sub(1, 22), 0
end

-- Whether nobody present stands before this visitor of the line; parks the silent found there.
local function is_next(visitor)
  for _ = 1, 100 do
    local head = redis.call('ZRANGE', waiting, 0, 0)[1]
    if head == visitor then return true end
    local seen_ms = redis.call('ZSCORE', seen, head)
    if not silent(room, seen_ms) then return false end
    park(head, seen_ms, meta, waiting, seen, parked)
  end
  return false
end

local found = {}
local function answer(...)
  for _, part in ipairs({...}) do found[#found + 1] = part end
end

for i = 2, #ARGV, 2 do
  local shown = math.min(tonumber(ARGV[i + 1]), room.now_us)
  local visitor, place, deadline, known = resolve(ARGV[i], shown)
  -- Those who come in one call stand in the order of the call.
  if place == 0 then place = room.now_us + i / 2 - 1 end
  if deadline then
    answer('seated', visitor, place, 0, deadline)
  elseif room.suspended then
    answer('suspended', visitor, place, 0, 0)
  elseif room.closed and not known then
    answer('closed', visitor, place, 0, 0)
  else
    redis.call('ZREM', parked, visitor)
    if known == 'parked' then redis.call('HINCRBY', meta, 'returned', 1) end
    if not known then redis.call('HINCRBY', meta, 'entered', 1) end
    local free = allowance(room, meta, waiting, active) > 0
    redis.call('ZADD', waiting, place, visitor)
    redis.call('ZADD', seen, room.now_ms, visitor)
    if free and is_next(visitor) then
      seat(room, {visitor}, meta, waiting, seen, parked, active, unclaimed)
      answer('seated', visitor, place, 0, room.now_ms + room.claim_ttl_ms)
    else
      answer('waiting', visitor, place, redis.call('ZRANK', waiting, visitor) + 1, 0)
    end
  end
end
return found
