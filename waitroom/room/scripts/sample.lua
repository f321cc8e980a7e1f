--[[
sample: write what happened since the last sample, and how it stands, into the history, at most
once a minute. What a missed minute counted is in the next one.

KEYS
  1 settings   hash    limits
  2 meta       hash    counters, and what they were at the last sample
  3 waiting    zset    visitor -> place, us since epoch
  4 parked     zset    visitor -> last heartbeat, ms since epoch
  5 active     zset    visitor -> seat deadline, ms since epoch
  6 unclaimed  zset    visitor -> admitted, ms since epoch
  7 waits      hash    spans of the minute; begun anew
  8 told       hash    waits told to those who arrive
  9 history    stream  one sample a minute
ARGV
  1 now_ms   int  0 = the server's own TIME; else a test's or simulation's clock
  2 keep_ms  int  samples older than this are dropped
  3 ..       names of the counters
RETURNS  the minute, ms since epoch, when this call wrote its sample; else 0
NEEDS    room, told, spans
COST     O(log N); O(1) for the spans, which have at most 400 fields
CALLER   room/scripts.py sample()
]]
local settings, meta, waiting, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, unclaimed, waits, told = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local history = KEYS[9]
local now_ms, keep_ms = ARGV[1], tonumber(ARGV[2])

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local minute_ms = room.now_ms - room.now_ms % 60000
local newest = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
if newest and tonumber(newest[1]:match('^%d+')) >= minute_ms then return 0 end

-- Counters at the last sample; that of an earlier version holds them itself.
local before, counts, totals = {}, {}, {}
local sampled = redis.call('HGET', meta, 'sampled')
for name, total in string.gmatch(sampled or '', '([%w_]+):(%d+)') do before[name] = total end
if not sampled and newest then
  for i = 1, #newest[2], 2 do before[newest[2][i]] = tonumber(newest[2][i + 1]) end
end
local names = {unpack(ARGV, 3)}
for i, found in ipairs(redis.call('HMGET', meta, unpack(names))) do
  local total = tonumber(found or 0)
  local n = total - (before[names[i]] or 0)
  -- Less than before: the data were lost and the counters began anew.
  if n < 0 then n = total end
  if n > 0 then counts[#counts + 1] = string.format('%s:%.0f', names[i], n) end
  totals[i] = string.format('%s:%.0f', names[i], total)
end

local spans, right = read_spans(waits)
local at = math.floor(room.now_ms / TOLD_MS)
local said = look_up_told(told, {room.now_ms})[at]
redis.call('XADD', history, 'MINID', '~', math.max(0, minute_ms - keep_ms),
  string.format('%.0f-1', minute_ms), 'counts', table.concat(counts, ' '),
  'waiting', redis.call('ZCARD', waiting), 'parked', redis.call('ZCARD', parked),
  'active', seats_taken(room, active), 'unclaimed', redis.call('ZCARD', unclaimed),
  'seats', room.total_active_users,
  'said', said and string.format('%.0f %.0f', said[1] / 1000, said[2] / 1000) or '',
  'wait', spans.wait, 'site', spans.site, 'total', spans.total, 'told', right)
redis.call('UNLINK', waits)
redis.call('HSET', meta, 'sampled', table.concat(totals, ' '))
return minute_ms
