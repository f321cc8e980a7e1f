--[[
let_in: give one visitor of the line a seat before all others, and note who said so.

Also while the owner holds everybody; never over the seats, and only somebody who is present.

KEYS
  1 settings   hash    limits
  2 meta       hash    birth, hold, tick, counters
  3 waiting    zset    visitor -> place, us since epoch
  4 seen       zset    visitor -> last heartbeat, ms since epoch
  5 parked     zset    visitor -> last heartbeat, ms since epoch
  6 active     zset    visitor -> seat deadline, ms since epoch
  7 unclaimed  zset    visitor -> admitted, ms since epoch
  8 served     hash    visitor -> row of the visit, of seat holders
  9 waits      hash    spans of the minute
  10 told      hash    waits told to those who arrive
  11 audit     stream  who changed what
ARGV
  1 now_ms   int   0 = the server's own TIME; else a test's or simulation's clock
  2 channel  text  where the admitted are published, separated by spaces
  3 visitor  text
  4 length   int   rows kept in the audit trail, about
  5 who      text
  6 changes  text  what to note, as JSON
RETURNS  text: admitted (also when the visitor had a seat), unknown, silent, full, closed,
         suspended or recovering
NEEDS    room, spans, told, seats
COST     O(log N)
CALLER   room/owner_scripts.py let_in()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed = KEYS[5], KEYS[6], KEYS[7]
local served, waits, told, audit = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local now_ms, channel, visitor, length = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local who, changes = ARGV[5], ARGV[6]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local deadline = tonumber(redis.call('ZSCORE', active, visitor) or nil)
if deadline and deadline > room.now_ms then return 'admitted' end
if not redis.call('ZSCORE', waiting, visitor) then
  return redis.call('ZSCORE', parked, visitor) and 'silent' or 'unknown'
end
if room.closed then return 'closed' end
if room.suspended then return 'suspended' end
if on_hold(room, meta, waiting) then return 'recovering' end
local seen_ms = tonumber(redis.call('ZSCORE', seen, visitor) or 0)
if seen_ms + room.heartbeat_ttl_ms <= room.now_ms then return 'silent' end
if seats_taken(room, active) >= room.total_active_users then return 'full' end
seat(room, {visitor}, meta, waiting, seen, active, unclaimed, served, waits, told)
redis.call('PUBLISH', channel, visitor)
redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
return 'admitted'
