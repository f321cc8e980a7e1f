#!lua flags=allow-oom
--[[
sweep: drop what has expired, so that Redis stays small and the line shows who is there.

Nothing depends on it: admissions skip the silent and count unexpired seats by themselves.

Allowed when Redis is full: it frees memory.

KEYS
  1 settings   hash    limits
  2 meta       hash    birth, hold, tick, counters, up to where ended seats are noted
  3 waiting    zset    visitor -> place, us since epoch
  4 seen       zset    visitor -> last heartbeat, ms since epoch
  5 parked     zset    visitor -> last heartbeat, ms since epoch
  6 active     zset    visitor -> seat deadline, ms since epoch
  7 unclaimed  zset    visitor -> admitted, ms since epoch
  8 kept       hash    visitor -> place, of the parked
  9 served     hash    visitor -> row of the visit, of seat holders
  10 waits     hash    spans of the minute
  11 journal   stream  visits that are over
  12 cut       zset    visitor -> seat deadline, of seats that ended with their epoch
  13 cut_rows  hash    visitor -> row of the visit, of the same
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 batch_max  int   1..1000, most visitors handled of each kind
RETURNS  array: visitors parked, places lapsed, seats never used, ended seats forgotten, seats
         looked at because they ended, rows of the journal that were too old
NEEDS    room, line, spans, visits, over
COST     O(log N) for each visitor dropped
CALLER   room/scripts.py sweep()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed, kept = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local served, waits, journal = KEYS[9], KEYS[10], KEYS[11]
local cut, cut_rows = KEYS[12], KEYS[13]
local now_ms, batch_max = ARGV[1], tonumber(ARGV[2])

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local function due(key, age_ms)
  return with_scores(redis.call('ZRANGE', key, '-inf', room.now_ms - age_ms, 'BYSCORE',
    'LIMIT', 0, batch_max, 'WITHSCORES'))
end

local function drop(key, visitors)
  if #visitors > 0 then redis.call('ZREM', key, unpack(visitors)) end
  return #visitors
end

local quiet, lapsed, heard = {}, {}, nil
if not on_hold(room, meta, waiting) then
  quiet = due(seen, room.heartbeat_ttl_ms)
  park(quiet, meta, waiting, seen, parked, kept)
  -- While the service was away nobody could come back; their time begins anew with its return.
  if room.now_ms >= room.hold_until_ms + room.place_ttl_ms then
    lapsed, heard = due(parked, room.place_ttl_ms)
  end
end
for i, place in ipairs(rows_of(lapsed, kept)) do
  note_visit(room, journal, lapsed[i], place or UNKNOWN, '', '', heard[i], 'lapsed')
end
if drop(parked, lapsed) > 0 then
  redis.call('HDEL', kept, unpack(lapsed))
  redis.call('HINCRBY', meta, 'lapsed', #lapsed)
end

local no_shows = 0
local function end_served(visitors, ends, rows)
  local unused = end_seats(room, visitors, ends, rows, nil, meta, served, waits, journal)
  no_shows = no_shows + drop(unclaimed, unused)
end

local over, over_ms = run_out(room, batch_max, meta, active)
end_served(over, over_ms, rows_of(over, served))
local unused, given_ms = due(unclaimed, room.claim_ttl_ms)
end_served(unnoted(room, unused, given_ms, active, served))

local cut_seats, ends = with_scores(redis.call('ZRANGE', cut, 0, batch_max - 1, 'WITHSCORES'))
local cut_ms = tonumber(redis.call('HGET', meta, 'cut_ms') or 0)
no_shows = no_shows + #end_seats(room, cut_seats, ends, rows_of(cut_seats, cut_rows), cut_ms, meta,
  cut_rows, waits, journal)
drop(cut, cut_seats)

-- An ended seat is remembered for as long as its ticket could count as young, or the pass of
-- one who left could still bring it back.
local old, old_ms = due(active, math.max(room.place_ttl_ms, room.session_duration_ms))
end_served(old, old_ms, rows_of(old, served))
-- The mark counts seats of one deadline, and of those some may be gone now.
if drop(active, old) > 0 then redis.call('HDEL', meta, 'over_n') end
return {#quiet, #lapsed, no_shows, #old, #over + #cut_seats, trim(room, settings, journal)}
