--[[
over: seats that have ended by themselves or with their epoch; after `room`, `spans`, `visits`.

They stay in `active`, as a mark that the ticket is spent, so a mark in `meta` says up to which
deadline they were looked at, and how many of that very deadline. Each is noted once, because its
row goes with it.
]]

-- Visitors and scores of a reply with scores.
local function with_scores(flat)
  local visitors, scores = {}, {}
  for i = 1, #flat, 2 do
    visitors[#visitors + 1], scores[#scores + 1] = flat[i], tonumber(flat[i + 1])
  end
  return visitors, scores
end

-- Rows of seat holders in the same order; false = no row.
local function rows_of(visitors, served)
  if #visitors == 0 then return {} end
  return redis.call('HMGET', served, unpack(visitors))
end

-- Notes the end of each seat that has a row, and drops the row; seats that were to last longer
-- than `cut_ms` ended then with their epoch. Returns the no-shows.
local function end_seats(room, visitors, ends, rows, cut_ms, meta, served, waits, journal)
  local found, gone, no_shows = {}, {}, {}
  for i, visitor in ipairs(visitors) do
    local cut = cut_ms and ends[i] > cut_ms
    if rows[i] then
      gone[#gone + 1] = visitor
      local outcome = end_visit(room, journal, found, visitor, rows[i],
        cut and cut_ms or ends[i], cut and 'ended')
      if outcome == 'no_show' then no_shows[#no_shows + 1] = visitor end
    end
  end
  if #gone == 0 then return no_shows end
  write_spans(found, waits)
  redis.call('HDEL', served, unpack(gone))
  if #no_shows > 0 then redis.call('HINCRBY', meta, 'no_shows', #no_shows) end
  if #gone > #no_shows then redis.call('HINCRBY', meta, 'ended', #gone - #no_shows) end
  return no_shows
end

-- The next seats that have run out, at most `most`, with their deadlines; the mark moves on.
local function run_out(room, most, meta, active)
  local mark = redis.call('HMGET', meta, 'over_ms', 'over_n')
  local from, n = tonumber(mark[1]) or 0, tonumber(mark[2]) or 0
  -- The clock was set back: all are looked at again.
  if from > room.now_ms then from, n = 0, 0 end
  local visitors, ends = with_scores(redis.call('ZRANGE', active, from, room.now_ms, 'BYSCORE',
    'LIMIT', n, most, 'WITHSCORES'))
  for _, end_ms in ipairs(ends) do
    if end_ms > from then from, n = end_ms, 0 end
    n = n + 1
  end
  if #ends > 0 then redis.call('HSET', meta, 'over_ms', from, 'over_n', n) end
  return visitors, ends
end

-- Of seats never used, given long enough ago, those that have ended. Returns them with their ends
-- and rows; one that an earlier version gave has none, so it gets what is known.
local function unnoted(room, visitors, given, active, served)
  local found, ends, rows = {}, {}, {}
  local kept = rows_of(visitors, served)
  if #visitors == 0 then return found, ends, rows end
  for i, deadline in ipairs(redis.call('ZMSCORE', active, unpack(visitors))) do
    local end_ms = tonumber(deadline or given[i] + room.claim_ttl_ms)
    if end_ms <= room.now_ms then
      found[#found + 1], ends[#ends + 1] = visitors[i], end_ms
      rows[#rows + 1] = kept[i] or string.format('?,%.0f,', given[i])
    end
  end
  return found, ends, rows
end
