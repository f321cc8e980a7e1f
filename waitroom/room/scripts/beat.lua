#!lua flags=allow-oom
--[[
beat: note that visitors in the line are present.

Allowed when Redis is full: it adds nothing, and whoever is not heard of loses the place.

KEYS
  1 settings  hash  tells whether the room is there
  2 meta      hash  birth, hold, tick
  3 seen      zset  visitor -> last heartbeat, ms since epoch
ARGV
  1 now_ms    int   0 = the server's own TIME; else a test's or simulation's clock
  2 ..        visitors, up to 1000
RETURNS  array of the visitors who are not in the line (admitted, parked, never seen or lost);
         the caller has them enter with their tickets
NEEDS    room
COST     O(log N) a visitor
CALLER   room/scripts.py beat()
]]
local settings, meta, seen = KEYS[1], KEYS[2], KEYS[3]
local now_ms = ARGV[1]

local room = read_room(settings, meta, now_ms)
if not room then return redis.error_reply('NOROOM no such room') end

local visitors, beats, unknown = {unpack(ARGV, 2)}, {}, {}
for i, visitor in ipairs(visitors) do beats[2 * i - 1], beats[2 * i] = room.now_ms, visitor end
local changed = redis.call('ZADD', seen, 'XX', 'CH', unpack(beats))
-- Most often everybody is there and was heard of before this millisecond.
if changed == #visitors then return unknown end
for i, seen_ms in ipairs(redis.call('ZMSCORE', seen, unpack(visitors))) do
  if not seen_ms then unknown[#unknown + 1] = visitors[i] end
end
return unknown
