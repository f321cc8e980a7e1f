--[[
restore: write a room back that Redis has lost, and start its recovery.

KEYS
  1 settings  hash  all of the owner's settings
  2 meta      hash  birth and hold
ARGV
  1 now_ms           int   0 = the server's own TIME; else a test's or simulation's clock
  2 recovery_hold_s  int   how long nobody is admitted
  3 ..               pairs of setting name and value as JSON
RETURNS  1 when it was written back, 0 when it was there already
NEEDS    room
COST     O(number of settings)
CALLER   room/owner_scripts.py restore()
]]
local settings, meta = KEYS[1], KEYS[2]
local now_ms, recovery_hold_s = ARGV[1], tonumber(ARGV[2])

if redis.call('EXISTS', settings) == 1 then return 0 end
redis.call('HSET', settings, unpack(ARGV, 3))
local room = read_room(settings, meta, now_ms)
redis.call('HSET', meta, 'born_ms', room.now_ms, 'restored_ms', room.now_ms,
  'hold_until_ms', room.now_ms + math.max(recovery_hold_s * 1000, 1))
return 1
