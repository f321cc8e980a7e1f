--[[
board: the line in a few hundred points, for everybody who wants a position.

Exact for the first hundred, then every 2 %. Made at most once in max_age_ms, whoever asks.

KEYS
  1 settings    hash    limits, title, message
  2 meta        hash    birth, hold, tick, counters, flow samples, time of the board
  3 waiting     zset    visitor -> place, us since epoch (lower is earlier)
  4 active      zset    visitor -> seat deadline, ms since epoch
  5 board       string  the board as JSON
ARGV
  1 now_ms      int     0 = the server's own TIME; else a test's or simulation's clock
  2 max_age_ms  int     a board younger than this is handed out again
  3 name        text    the room's name
RETURNS  text: the board as JSON (see room/board.py)
COST     O(log N) a point, about 100 + 51 ln(N / 100) points
CALLER   room/scripts.py board()
]]
local settings, meta, waiting, active, board = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now_ms, max_age_ms, name = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local EXACT, SAMPLE_MS, WINDOW_MS, ENOUGH = 100, 5000, 60000, 30

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local known = redis.call('HMGET', meta, 'board_ms', 'admitted', 'flow')
local age_ms = room.now_ms - (tonumber(known[1]) or -math.huge)
if age_ms >= 0 and age_ms < max_age_ms then
  local text = redis.call('GET', board)
  if text then return text end
end

local count = redis.call('ZCARD', waiting)
local admitted = tonumber(known[2] or 0)

local places, positions = {}, {}
local function add(first, last)
  local found = redis.call('ZRANGE', waiting, first - 1, last - 1, 'WITHSCORES')
  for i = 2, #found, 2 do
    places[#places + 1] = found[i]
    positions[#positions + 1] = first + i / 2 - 1
  end
end
add(1, math.min(EXACT, count))
local position = EXACT
while position < count do
  position = math.min(count, math.floor(position * 1.02))
  add(position, position)
end

-- Samples "ms:admitted", since the line was last empty: before that the flow was that of arrivals.
local samples = {}
if count > 0 then
  for ms, total in (known[3] or ''):gmatch('(%d+):(%d+)') do
    -- Those of the future are from before the clock was set back.
    if tonumber(ms) <= room.now_ms then samples[#samples + 1] = {tonumber(ms), tonumber(total)} end
  end
end
local newest = samples[#samples]
if not newest or room.now_ms - newest[1] >= SAMPLE_MS then
  samples[#samples + 1] = {room.now_ms, admitted}
end
if #samples > 61 then table.remove(samples, 1) end

local per_minute, rate = 'null', 'null'
local first
for i = #samples, 1, -1 do
  first = samples[i]
  if room.now_ms - first[1] >= WINDOW_MS and admitted - first[2] >= ENOUGH then break end
end
local minutes, n = (room.now_ms - first[1]) / 60000, admitted - first[2]
-- Fewer than three admissions say nothing yet. The spread is that of a Poisson count.
if n >= 3 and minutes >= 1 / 6 then
  local low, high = (n - math.sqrt(n)) / minutes, (n + math.sqrt(n)) / minutes
  local limit = tonumber(room.new_users_per_minute) or math.huge
  rate = string.format('[%.6g,%.6g]', math.min(low, limit), math.min(high, limit))
  per_minute = string.format('%.0f', n / minutes)
end

local held = on_hold(room, meta, waiting)
local state = room.suspended and 'suspended' or room.closed and 'closed'
  or room.queue_all and 'paused' or held and 'recovering' or count > 0 and 'queueing' or 'open'
local queueing = state == 'paused' or state == 'recovering' or state == 'queueing'
local words = redis.call('HMGET', settings, 'title', 'message')

for i, sample in ipairs(samples) do
  samples[i] = string.format('%.0f:%.0f', sample[1], sample[2])
end
local text = string.format(
  '{"room":"%s","state":"%s","queueing":%s,"at_ms":%.0f,"waiting":%d,"active":%d,'
  .. '"total_active_users":%d,"admitted_per_minute":%s,"rate_per_minute":%s,"title":%s,'
  .. '"message":%s,"places":[%s],"positions":[%s]}',
  name, state, tostring(queueing), room.now_ms, count, seats_taken(room, active),
  room.total_active_users, per_minute, rate, words[1] or '""', words[2] or 'null',
  table.concat(places, ','), table.concat(positions, ','))
redis.call('SET', board, text)
redis.call('HSET', meta, 'board_ms', room.now_ms, 'flow', table.concat(samples, ' '))
return text
