#!lua flags=allow-oom
--[[
leave: give up a seat or a place, and spend the ticket.

Allowed when Redis is full: it frees memory.

KEYS
  1 settings   hash    tells whether the room is there
  2 meta       hash    counters
  3 waiting    zset    visitor -> place, us since epoch
  4 seen       zset    visitor -> last heartbeat, ms since epoch
  5 parked     zset    visitor -> last heartbeat, ms since epoch
  6 active     zset    visitor -> seat deadline, ms since epoch
  7 unclaimed  zset    visitor -> admitted, ms since epoch
  8 kept       hash    visitor -> place, of the parked
  9 served     hash    visitor -> row of the visit, of seat holders
  10 waits     hash    spans of the minute
  11 journal   stream  visits that are over
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 visitor    text
RETURNS  text: seat, place, or empty when the visitor had neither
NEEDS    room, spans, visits
COST     O(log N)
CALLER   room/scripts.py leave()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local kept, served, waits, journal = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now_ms, visitor = ARGV[1], ARGV[2]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local deadline = tonumber(redis.call('ZSCORE', active, visitor) or nil)
local place = redis.call('ZSCORE', waiting, visitor)
if deadline and deadline > room.now_ms then
  local unused = redis.call('ZREM', unclaimed, visitor) == 1
  -- No row: an earlier version gave the seat.
  local row = redis.call('HGET', served, visitor) or unused and '?,?,' or '?,?,?'
  local found = {}
  end_visit(room, journal, found, visitor, row, room.now_ms, 'left_site')
  write_spans(found, waits)
  redis.call('HDEL', served, visitor)
elseif place or redis.call('ZSCORE', parked, visitor) then
  place = place or redis.call('HGET', kept, visitor) or '?'
  note_visit(room, journal, visitor, place, '', '', room.now_ms, 'left_line')
  redis.call('ZREM', waiting, visitor)
  redis.call('ZREM', seen, visitor)
  redis.call('ZREM', parked, visitor)
  redis.call('HDEL', kept, visitor)
else
  return ''
end
redis.call('ZADD', active, room.now_ms, visitor)
redis.call('HINCRBY', meta, place and 'left_line' or 'left_site', 1)
return place and 'place' or 'seat'
