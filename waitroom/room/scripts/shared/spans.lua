--[[
spans: how long things took, counted for the minute's sample in bins that grow by 15 %.

A field is a kind and the number of a bin, and the kind alone is the sum in ms: `wait` (arrival to
admission), `site` (first use of a seat to its end), `total` (arrival to that end).
]]
local FIRST_MS, STEP, LAST_BIN = 100, math.log(1.15), 125

-- Adds a span to what this call has found; below 100 ms is the first bin.
local function add_span(found, kind, span_ms)
  local ms, spans = math.max(0, span_ms), found[kind]
  if not spans then
    spans = {sum = 0}
    found[kind] = spans
  end
  local bin = ms < FIRST_MS and 0
    or math.min(LAST_BIN, math.floor(math.log(ms / FIRST_MS) / STEP) + 1)
  spans[bin], spans.sum = (spans[bin] or 0) + 1, spans.sum + ms
end

-- One write a bin, however many visitors were handled.
local function write_spans(found, waits)
  for kind, spans in pairs(found) do
    for bin, n in pairs(spans) do
      local field = bin == 'sum' and kind or string.format('%s:%d', kind, bin)
      redis.call('HINCRBY', waits, field, string.format('%.0f', n))
    end
  end
end

-- All spans as text by kind, `sum bin:count bin:count`, and `right early late` of the waits told.
local function read_spans(waits)
  local numbers, bins = {}, {wait = '', site = '', total = ''}
  local flat = redis.call('HGETALL', waits)
  for i = 1, #flat, 2 do
    local kind, bin = flat[i]:match('^(%l+):(%d+)$')
    if kind then bins[kind] = string.format('%s %s:%s', bins[kind], bin, flat[i + 1])
    else numbers[flat[i]] = flat[i + 1] end
  end
  for kind, found in pairs(bins) do
    if found ~= '' then bins[kind] = (numbers[kind] or '0') .. found end
  end
  local told = {numbers.right or '0', numbers.early or '0', numbers.late or '0'}
  return bins, table.concat(told, ' ')
end
