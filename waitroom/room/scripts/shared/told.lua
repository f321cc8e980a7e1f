--[[
told: which wait those who arrive are told, noted once in each ten seconds and kept for a day.

A ring: a field is the number of the ten seconds in their day, and the value begins with the
number since the epoch, so that one of another day is known as such.
]]
local TOLD_MS, TOLD_SLOTS = 10000, 8640

local function told_slot(room) return math.floor(room.now_ms / TOLD_MS) end

local function told_field(slot) return string.format('%.0f', slot % TOLD_SLOTS) end

-- Notes the wait in s that the next one in line is told, as room/board.py works it out; `rate`
-- is the board's. Returns the slot that is noted.
local function note_told(room, told, count, rate)
  local slow, fast = rate:match('^%[(.+),(.+)%]$')
  local slot, position = told_slot(room), count + 1
  local spread = math.sqrt(position)
  local low = math.floor(math.max(0, position - spread) * 60 / fast)
  local high = math.floor((position + spread) * 60 / slow) + 1
  redis.call('HSET', told, told_field(slot), string.format('%.0f %.0f %.0f', slot, low, high))
  return slot
end

-- What those who arrived at these moments, at most 1000, were told: slot -> {low, high} in ms.
local function look_up_told(told, moments)
  local fields, slots, found = {}, {}, {}
  for _, ms in ipairs(moments) do
    local slot = math.floor(ms / TOLD_MS)
    if found[slot] == nil then
      fields[#fields + 1], slots[#slots + 1], found[slot] = told_field(slot), slot, false
    end
  end
  if #slots == 0 then return found end
  for i, note in ipairs(redis.call('HMGET', told, unpack(fields))) do
    local slot, low, high = string.match(note or '', '^(%d+) (%d+) (%d+)$')
    if tonumber(slot) == slots[i] then found[slots[i]] = {low * 1000, high * 1000} end
  end
  return found
end
