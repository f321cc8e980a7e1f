#!lua flags=allow-oom
--[[
board: the line in a few hundred points, for everybody who wants a position.

Made at most once in max_age_ms, whoever asks.

Allowed when Redis is full: those in the line still see where they stand.

KEYS
  1 settings    hash    limits, title, message
  2 meta        hash    birth, hold, tick, counters; time, flow and far points of the board
  3 waiting     zset    visitor -> place, us since epoch (lower is earlier)
  4 active      zset    visitor -> seat deadline, ms since epoch
  5 board       string  the board as JSON
  6 told        hash    waits told to those who arrive
ARGV
  1 now_ms      int     0 = the server's own TIME; else a test's or simulation's clock
  2 max_age_ms  int     a board younger than this is handed out again
  3 name        text    the room's name
RETURNS  text: the board as JSON (see room/board.py)
NEEDS    room, points, flow, told
COST     O(log N) a point, about 100 + 51 ln(N / 100) points; at most every 10 s for those behind
         the first 10,000
CALLER   room/scripts.py board()
]]
local settings, meta, waiting = KEYS[1], KEYS[2], KEYS[3]
local active, board, told = KEYS[4], KEYS[5], KEYS[6]
local now_ms, max_age_ms, name = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end
local known = redis.call('HMGET', meta, 'board_ms', 'admitted', 'flow', 'far', 'told')
local age_ms = room.now_ms - (tonumber(known[1]) or -math.huge)
if age_ms >= 0 and age_ms < max_age_ms then
  local text = redis.call('GET', board)
  if text then return text end
end

local count = redis.call('ZCARD', waiting)
local places, positions, far = points(room, waiting, count, known[4])
local held = on_hold(room, meta, waiting)
local state = room.suspended and 'suspended' or room.closed and 'closed'
  or room.queue_all and 'paused' or held and 'recovering' or room.drain_us and 'draining'
  or count > 0 and 'queueing' or 'open'
local queueing = state == 'paused' or state == 'recovering' or state == 'queueing'
-- A pause says nothing about the pace: it is measured anew once people are let in again.
local moving = state == 'queueing' or state == 'draining'
local per_minute, rate, samples =
  flow(room, moving and count or 0, tonumber(known[2] or 0), known[3] or '')
local words = redis.call('HMGET', settings, 'title', 'message')

local text = string.format(
  '{"room":"%s","state":"%s","queueing":%s,"at_ms":%.0f,"waiting":%d,"active":%d,'
  .. '"total_active_users":%d,"admitted_per_minute":%s,"rate_per_minute":%s,"title":%s,'
  .. '"message":%s,"places":[%s],"positions":[%s]}',
  name, state, tostring(queueing), room.now_ms, count, seats_taken(room, active),
  room.total_active_users, per_minute, rate, words[1] or '""', words[2] or 'null',
  table.concat(places, ','), table.concat(positions, ','))
redis.call('SET', board, text)
redis.call('HSET', meta, 'board_ms', room.now_ms, 'flow', samples)
-- In the other states nobody can say how long it takes.
if state == 'queueing' and rate ~= 'null' and told_slot(room) ~= tonumber(known[5]) then
  redis.call('HSET', meta, 'told', note_told(room, told, count, rate))
end
if far ~= known[4] then redis.call('HSET', meta, 'far', far) end
return text
