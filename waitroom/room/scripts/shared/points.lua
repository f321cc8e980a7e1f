--[[
points: the line in a few hundred points: exact for the first hundred, then every 2 %.

In a long line a look-up far back costs several times one near the head, and nobody far back moves
far in a second. So what lies behind FAR is looked up every FAR_MS only; meanwhile each EACH-th
point is counted, about every half as far again, and those between are fitted.
]]
local EXACT, FAR, FAR_MS, EACH = 100, 10000, 10000, 20

-- Points as looked up before: places and positions; nil when they are too old, or when so many
-- came or went among them that the points between are in doubt.
local function kept_points(room, waiting, kept)
  if not kept then return nil end
  local at_ms, places, positions = unpack(cjson.decode(kept))
  local age_ms = room.now_ms - at_ms
  if age_ms < 0 or age_ms >= FAR_MS then return nil end
  local was = positions[1]
  local is = redis.call('ZCOUNT', waiting, '-inf', places[1])
  if is - was > FAR / 50 then return nil end
  positions[1] = is
  for from = 1, #places - 1, EACH do
    local to = math.min(from + EACH, #places)
    local old, new = positions[to], redis.call('ZCOUNT', waiting, '-inf', places[to])
    -- All of them may have come or gone at one end of these points.
    if math.abs((new - is) - (old - was)) > was / 200 then return nil end
    for i = from + 1, to do
      positions[i] = math.floor(is + (positions[i] - was) * (new - is) / (old - was) + 0.5)
    end
    was, is = old, new
  end
  return places, positions
end

-- Places, positions, and what to keep of them for the next time.
local function points(room, waiting, count, kept)
  local places, positions = {}, {}
  local function add(first, last)
    local found = redis.call('ZRANGE', waiting, first - 1, last - 1, 'WITHSCORES')
    for i = 2, #found, 2 do
      places[#places + 1], positions[#positions + 1] = found[i], first + i / 2 - 1
    end
  end
  local function add_steps(position, last)
    while position < last do
      position = math.min(last, math.floor(position * 1.02))
      add(position, position)
    end
  end
  add(1, math.min(EXACT, count))
  add_steps(EXACT, math.min(FAR, count))
  if count <= FAR then return places, positions, kept end

  local near, far_places, far_positions = #places, kept_points(room, waiting, kept)
  if not far_places then
    add_steps(FAR, count)
    local far = {room.now_ms, {unpack(places, near)}, {unpack(positions, near)}}
    return places, positions, cjson.encode(far)
  end
  local behind = tonumber(places[near])
  for i, place in ipairs(far_places) do
    local n = #places
    -- Neighbours by number would say that nobody stands between; of fitted ones nobody knows.
    if far_positions[i] > positions[n] + 1 and (n > near or tonumber(place) > behind) then
      places[n + 1], positions[n + 1] = place, far_positions[i]
    end
  end
  add_steps(positions[#positions], count)
  return places, positions, kept
end
