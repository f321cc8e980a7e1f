--[[
tickets: whom a ticket stands for; after `room`.

One id has one place for ever. A ticket that is spent, or too old to count, makes its holder a
new visitor at the tail, under an id derived from the old one, so asking again finds the same.
]]

-- Deadlines of seats, places in the line and last heartbeats of the parked; false = none.
local function look_up(visitors, active, waiting, parked)
  return redis.call('ZMSCORE', active, unpack(visitors)),
    redis.call('ZMSCORE', waiting, unpack(visitors)),
    redis.call('ZMSCORE', parked, unpack(visitors))
end

-- Whether a place that Redis does not know counts: young, or from before the data was lost.
local function counts(room, place)
  local placed_ms = place / 1000
  if room.now_ms - placed_ms < room.place_ttl_ms then return true end
  return room.restored_ms and placed_ms < room.restored_ms
    and room.now_ms < room.restored_ms + room.place_ttl_ms
end

-- Who this is, and what they have: visitor, place (0 = none yet), deadline of a seat, where the
-- place stands. `coming` holds the places of those who come in this very call.
local function resolve(room, visitor, place, deadline, stored, quiet, coming,
    active, waiting, parked, kept)
  for _ = 1, 64 do
    if deadline and tonumber(deadline) > room.now_ms then return visitor, place, deadline end
    if not deadline then
      stored = coming[visitor] or stored
      if stored then return visitor, tonumber(stored), nil, 'waiting' end
      if quiet and place == 0 then place = tonumber(redis.call('HGET', kept, visitor) or 0) end
      if place > 0 and quiet then return visitor, place, nil, 'parked' end
      if place == 0 or counts(room, place) then return visitor, place end
    end
    visitor, place = redis.sha1hex(visitor):sub(1, 22), 0
    local deadlines, places, silences = look_up({visitor}, active, waiting, parked)
    deadline, stored, quiet = deadlines[1], places[1], silences[1]
  end
  -- Whoever spent that many seats with one ticket is somebody new each time.
  return redis.sha1hex(visitor .. room.now_ms):sub(1, 22), 0
end
