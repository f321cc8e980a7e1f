--[[
admit_now: move the head of the line into free seats because somebody said so, and note who did.

Beside the rate limit and also while the owner holds everybody; never over the seats. A request
has a name: asked again under it, the script goes on where it was cut off.

KEYS
  1 settings   hash    limits
  2 meta       hash    birth, hold, tick, counters; the last such request and how far it came
  3 waiting    zset    visitor -> place, us since epoch (lower is earlier)
  4 seen       zset    visitor -> last heartbeat, ms since epoch
  5 parked     zset    visitor -> last heartbeat, ms since epoch
  6 active     zset    visitor -> seat deadline, ms since epoch
  7 unclaimed  zset    visitor -> admitted, ms since epoch
  8 kept       hash    visitor -> place, of the parked
  9 served     hash    visitor -> row of the visit, of seat holders
  10 waits     hash    spans of the minute
  11 told      hash    waits told to those who arrive
  12 audit     stream  who changed what
ARGV
  1 now_ms     int   0 = the server's own TIME; else a test's or simulation's clock
  2 batch_max  int   1..1000, most visitors looked at
  3 channel    text  where the admitted are published, separated by spaces
  4 n          int   how many in all
  5 once       text  names the request
  6 length     int   rows kept in the audit trail, about
  7 who        text
  8 changes    text  what to note, as JSON
RETURNS  array: how it ended (done, more, full, empty; closed, suspended, recovering: nobody was
         looked at), how many this request has admitted so far, then those of this call in order
NEEDS    room, spans, told, seats, line
COST     O(log N) for each visitor admitted or parked
CALLER   room/owner_scripts.py admit_now()
]]
local settings, meta, waiting, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local parked, active, unclaimed, kept = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local served, waits, told, audit = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local now_ms, batch_max, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local n, once, length = tonumber(ARGV[4]), ARGV[5], ARGV[6]
local who, changes = ARGV[7], ARGV[8]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
if room.closed then return {'closed', 0} end
if room.suspended then return {'suspended', 0} end
if on_hold(room, meta, waiting) then return {'recovering', 0} end

local last = redis.call('HMGET', meta, 'now_once', 'now_done')
local done = last[1] == once and tonumber(last[2]) or 0
if last[1] ~= once then
  redis.call('XADD', audit, 'MAXLEN', '~', length, '*', 'who', who, 'changes', changes)
end
local free = math.max(0, room.total_active_users - seats_taken(room, active))
local allowed = math.max(0, math.min(n - done, free))
local admitted, looked = heads(room, allowed, batch_max, nil, meta, waiting, seen, parked, kept)
seat(room, admitted, meta, waiting, seen, active, unclaimed, served, waits, told)
if #admitted > 0 then redis.call('PUBLISH', channel, table.concat(admitted, ' ')) end
done = done + #admitted
redis.call('HSET', meta, 'now_once', once, 'now_done', done)
local how = done >= n and 'done' or #admitted == free and 'full'
  or looked >= batch_max and 'more' or 'empty'
return {how, done, unpack(admitted)}
