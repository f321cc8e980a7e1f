--[[
sweep: drop what has expired, so that Redis stays small and the line shows who is there.

Nothing depends on it: admissions skip the silent and count unexpired seats by themselves.

KEYS
  1 settings   hash  limits
  2 meta       hash  birth, hold, tick, counters
  3 waiting    zset  visitor -> place, us since epoch
  4 seen       zset  visitor -> last heartbeat, ms since epoch
  5 parked     zset  visitor -> last heartbeat, ms since epoch
  6 active     zset  visitor -> seat deadline, ms since epoch
  7 unclaimed  zset  visitor -> admitted, ms since epoch
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 batch_max  int   1..1000, most visitors handled of each kind
RETURNS  array: visitors parked, places lapsed, seats never used, ended seats forgotten
NEEDS    room, line
COST     O(log N) for each visitor dropped
CALLER   room/scripts.py sweep()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local now_ms, batch_max = ARGV[1], tonumber(ARGV[2])

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local function due(key, age_ms)
  return redis.call('ZRANGE', key, '-inf', room.now_ms - age_ms, 'BYSCORE', 'LIMIT', 0, batch_max)
end

local function drop(key, visitors)
  if #visitors > 0 then redis.call('ZREM', key, unpack(visitors)) end
  return #visitors
end

local quiet, lapsed = {}, {}
if not on_hold(room, meta, waiting) then
  quiet = due(seen, room.heartbeat_ttl_ms)
  park(quiet, meta, waiting, seen, parked)
  -- While the service was away nobody could come back; their time begins anew with its return.
  if room.now_ms >= room.hold_until_ms + room.place_ttl_ms then
    lapsed = due(parked, room.place_ttl_ms)
    drop(parked, lapsed)
  end
end

local no_shows = {}
for _, visitor in ipairs(due(unclaimed, room.claim_ttl_ms)) do
  local deadline = tonumber(redis.call('ZSCORE', active, visitor) or 0)
  if deadline <= room.now_ms then no_shows[#no_shows + 1] = visitor end
end
drop(unclaimed, no_shows)

-- An ended seat is remembered for as long as its ticket could count as young, or the pass of
-- one who left could still bring it back.
local ended = drop(active, due(active, math.max(room.place_ttl_ms, room.session_duration_ms)))
if #lapsed > 0 then redis.call('HINCRBY', meta, 'lapsed', #lapsed) end
if #no_shows > 0 then redis.call('HINCRBY', meta, 'no_shows', #no_shows) end
return {#quiet, #lapsed, #no_shows, ended}
