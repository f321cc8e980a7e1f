#!lua flags=allow-oom
--[[
admit: move the head of the line into free seats, in order of place, and say whom.

Allowed when Redis is full: the line is what fills it, and who is let in leaves the line.

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
  2 batch_max  int   1..1000, most visitors looked at
  3 channel    text  where the admitted are published, separated by spaces
RETURNS  array: 1 when seats stayed free only because the batch was used up, else 0; then the
         visitors admitted, in order of place
NEEDS    room, spans, told, seats, line
COST     O(log N) for each visitor admitted or parked
CALLER   room/scripts.py admit()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local kept, served, waits, told = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now_ms, batch_max, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local allowed = allowance(room, meta, waiting, active)
-- One write a second is enough to tell that the service is there.
if not room.tick_ms or math.abs(room.now_ms - room.tick_ms) >= 1000 then
  redis.call('HSET', meta, 'tick_ms', room.now_ms)
end

local admitted, looked = heads(room, allowed, batch_max, nil, meta, waiting, seen, parked, kept)
seat(room, admitted, meta, waiting, seen, active, unclaimed, served, waits, told)
if #admitted > 0 then redis.call('PUBLISH', channel, table.concat(admitted, ' ')) end
local more = #admitted < allowed and looked >= batch_max
return {more and 1 or 0, unpack(admitted)}
