--[[
flow: how many are admitted a minute, measured while there is a line.
]]
local SAMPLE_MS, WINDOW_MS, SAMPLES, ENOUGH = 5000, 60000, 61, 30

-- Admissions a minute and their likely range, both as JSON, and the samples for the next time.
local function flow(room, count, admitted, kept)
  -- Samples "ms:admitted" since the line was last empty; before, the flow was that of arrivals.
  local samples = {}
  if count > 0 then
    for ms, total in kept:gmatch('(%d+):(%d+)') do
      -- Those of the future are from before the clock was set back.
      if tonumber(ms) <= room.now_ms then
        samples[#samples + 1] = {tonumber(ms), tonumber(total)}
      end
    end
  end
  local newest = samples[#samples]
  if not newest or room.now_ms - newest[1] >= SAMPLE_MS then
    samples[#samples + 1] = {room.now_ms, admitted}
  end
  if #samples > SAMPLES then table.remove(samples, 1) end

  local first
  for i = #samples, 1, -1 do
    first = samples[i]
    if room.now_ms - first[1] >= WINDOW_MS and admitted - first[2] >= ENOUGH then break end
  end
  local per_minute, rate = 'null', 'null'
  local minutes, n = (room.now_ms - first[1]) / 60000, admitted - first[2]
  -- Fewer than three admissions say nothing yet. The spread is that of a Poisson count.
  if n >= 3 and minutes >= 1 / 6 then
    local low, high = (n - math.sqrt(n)) / minutes, (n + math.sqrt(n)) / minutes
    local limit = room.new_users_per_minute or math.huge
    rate = string.format('[%.6g,%.6g]', math.min(low, limit), math.min(high, limit))
    per_minute = string.format('%.0f', n / minutes)
  end
  for i, sample in ipairs(samples) do
    samples[i] = string.format('%.0f:%.0f', sample[1], sample[2])
  end
  return per_minute, rate, table.concat(samples, ' ')
end
