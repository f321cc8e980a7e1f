--[[
line: its head, and whoever fell silent; after `room`.
]]

-- Takes silent visitors out of the line; the place is kept, here and in the ticket. At most 1000.
local function park(visitors, meta, waiting, seen, parked, kept)
  if #visitors == 0 then return end
  local silences, places = {}, {}
  for i, seen_ms in ipairs(redis.call('ZMSCORE', seen, unpack(visitors))) do
    silences[2 * i - 1], silences[2 * i] = seen_ms or 0, visitors[i]
  end
  for i, place in ipairs(redis.call('ZMSCORE', waiting, unpack(visitors))) do
    places[2 * i - 1], places[2 * i] = visitors[i], place or 0
  end
  redis.call('ZREM', waiting, unpack(visitors))
  redis.call('ZREM', seen, unpack(visitors))
  redis.call('ZADD', parked, unpack(silences))
  redis.call('HSET', kept, unpack(places))
  redis.call('HINCRBY', meta, 'parked', #visitors)
end

-- The present at the head of the line, in order, still in it; the silent before them are parked.
-- Ends at `enough` of them, after `most` heads, or at the first who is not `among` the given ones
-- (nil = anybody). Returns how many heads it looked at, too.
local function heads(room, enough, most, among, meta, waiting, seen, parked, kept)
  local present, looked = {}, 0
  while #present < enough and looked < most do
    local n = math.min(enough - #present, most - looked)
    local found = redis.call('ZRANGE', waiting, #present, #present + n - 1)
    if #found == 0 then break end
    looked = looked + #found
    local silent = {}
    for i, seen_ms in ipairs(redis.call('ZMSCORE', seen, unpack(found))) do
      if (tonumber(seen_ms) or 0) + room.heartbeat_ttl_ms <= room.now_ms then
        silent[#silent + 1] = found[i]
      elseif among and not among[found[i]] then
        park(silent, meta, waiting, seen, parked, kept)
        return present, looked
      else
        present[#present + 1] = found[i]
      end
    end
    park(silent, meta, waiting, seen, parked, kept)
  end
  return present, looked
end
