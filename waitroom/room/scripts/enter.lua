--[[
enter: give visitors the seat or the place that is theirs; a seat at once when one is free
and nobody present is before them.

All of one call come at once: whoever has the earliest place is the first to be seated.

KEYS
  1 settings   hash  limits
  2 meta       hash  birth, hold, tick, rate bucket, counters
  3 waiting    zset  visitor -> place, us since epoch (lower is earlier)
  4 seen       zset  visitor -> last heartbeat, ms since epoch
  5 parked     zset  visitor -> last heartbeat, ms since epoch
  6 active     zset  visitor -> seat deadline, ms since epoch
  7 unclaimed  zset  visitor -> admitted, ms since epoch
  8 kept       hash  visitor -> place, of the parked
  9 served     hash  visitor -> row of the visit, of seat holders
  10 waits     hash  spans of the minute
  11 told      hash  waits told to those who arrive
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 ..         pairs of visitor and the place of the ticket shown, 0 = none; up to 1000 pairs
RETURNS  array, five a visitor: state (seated, waiting, suspended, closed), visitor, place,
         position (0 unless waiting), seat deadline ms (0 unless seated)
NEEDS    room, spans, told, seats, line, tickets
COST     O(log N) a visitor, and for each silent one parked on the way, at most 99 more than asked
CALLER   room/scripts.py enter()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local kept, served, waits, told = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now_ms = ARGV[1]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local asked = {}
for i = 2, #ARGV, 2 do asked[#asked + 1] = ARGV[i] end
local deadlines, places, silences = look_up(asked, active, waiting, parked)

local answer, coming, comers, line, beats, new, back = {}, {}, {}, {}, {}, 0, {}
for i, shown in ipairs(asked) do
  local shown_place = math.min(tonumber(ARGV[2 * i + 1]), room.now_us)
  local visitor, place, deadline, known = resolve(room, shown, shown_place, deadlines[i], places[i],
    silences[i], coming, active, waiting, parked, kept)
  -- While a room drains, a place that only the ticket knows of is one as well: an edge gave it, or
  -- the data were lost. One from after it began is of an edge that had not heard of that yet.
  local late = room.drain_us and (place == 0 or place > room.drain_us)
  local refused = not known and (room.closed or late)
  -- Those who come in one call without a ticket stand in the order of the call.
  if place == 0 then place = room.now_us + i - 1 end
  local state = deadline and 'seated' or room.suspended and 'suspended'
    or refused and 'closed' or 'waiting'
  if state == 'waiting' and not coming[visitor] then
    local n = #comers + 1
    comers[n], coming[visitor] = visitor, place
    line[2 * n - 1], line[2 * n] = place, visitor
    beats[2 * n - 1], beats[2 * n] = room.now_ms, visitor
    if not known then new = new + 1 elseif known == 'parked' then back[#back + 1] = visitor end
  end
  local at = 5 * i - 4
  answer[at], answer[at + 1], answer[at + 2] = state, visitor, place
  answer[at + 3], answer[at + 4] = 0, tonumber(deadline or 0)
end
if #comers == 0 then return answer end

local enough = math.min(#comers, allowance(room, meta, waiting, active))
redis.call('ZADD', waiting, unpack(line))
redis.call('ZADD', seen, unpack(beats))
redis.call('ZREM', parked, unpack(comers))
if new > 0 then redis.call('HINCRBY', meta, 'entered', new) end
if #back > 0 then
  redis.call('HDEL', kept, unpack(back))
  redis.call('HINCRBY', meta, 'returned', #back)
end
local first = heads(room, enough, 99 + #comers, coming, meta, waiting, seen, parked, kept)
seat(room, first, meta, waiting, seen, active, unclaimed, served, waits, told)
-- Whoever has a seat is not coming any more.
for _, visitor in ipairs(first) do coming[visitor] = nil end
for at = 1, #answer, 5 do
  local visitor = answer[at + 1]
  if answer[at] == 'waiting' and coming[visitor] then
    answer[at + 3] = redis.call('ZRANK', waiting, visitor) + 1
  elseif answer[at] == 'waiting' then
    answer[at], answer[at + 4] = 'seated', room.now_ms + room.claim_ttl_ms
  end
end
return answer
