--[[
visits: what is kept of each seat holder, and the journal of visits that are over; after `room`
and `spans`.

A seat holder's row is `place,admitted,claimed`, in us and ms: empty is not yet, ? is not known.
]]
local UNKNOWN = '?'

-- One row of the journal; what never was or is not known is empty.
local function note_visit(room, journal, visitor, place, admitted, claimed, left_ms, outcome)
  local function known(value) return value ~= UNKNOWN and value or '' end
  local row = {'v', visitor, 'p', known(place), 'a', known(admitted), 'c', known(claimed),
    'l', left_ms, 'o', outcome}
  local id = string.format('%.0f-*', room.now_ms)
  local noted = redis.pcall('XADD', journal, id, unpack(row))
  -- A stream only grows: after the clock was set back, rows go by its last time.
  if type(noted) == 'table' then redis.call('XADD', journal, '*', unpack(row)) end
end

-- Notes that a seat is over and adds what it took to `found`. Without an outcome, it is by
-- whether the seat was used. Returns the outcome.
local function end_visit(room, journal, found, visitor, row, left_ms, outcome)
  local place, admitted, claimed = row:match('^(.*),(.*),(.*)$')
  outcome = outcome or claimed == '' and 'no_show' or 'ended'
  note_visit(room, journal, visitor, place, admitted, claimed, left_ms, outcome)
  if tonumber(claimed) then
    add_span(found, 'site', left_ms - claimed)
    if tonumber(place) then add_span(found, 'total', left_ms - math.floor(place / 1000)) end
  end
  return outcome
end

-- Drops rows that are older than the owner keeps them, whole blocks first, then those of a block.
local function trim(room, settings, journal)
  local days = tonumber(redis.call('HGET', settings, 'keep_days') or 31)
  local oldest = string.format('%.0f', math.max(0, room.now_ms - days * 86400000))
  local trimmed = redis.call('XTRIM', journal, 'MINID', '~', oldest, 'LIMIT', 10000)
  if trimmed > 0 then return trimmed end
  -- Without a whole block that is too old, this looks at one block only.
  return redis.call('XTRIM', journal, 'MINID', '=', oldest)
end
