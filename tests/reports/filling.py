"""Fills a room's journal with visits as the scripts note them, many at a time."""

from redis import Redis

from waitroom.room.keys import Keys

#: 2026-11-20 10:00:00 UTC, when the first one comes; the last one comes two hours later.
T0_MS = 1_795_168_800_000
SPAN_MS = 7_200_000
#: Visits made up in one call.
BATCH = 10_000

# Most are served, some never come in, some give up.
VISITS = """
local first, last, count, t0, span = unpack(ARGV)
local ms = function(n) return string.format('%.0f', n) end
for n = tonumber(first), last - 1 do
  local arrived = t0 + math.floor(span * n / count)
  local admitted = arrived + math.random(0, 1800000)
  local claimed = admitted + math.random(200, 60000)
  local kind, a, c, l, o = math.random(10), ms(admitted), '', admitted + 120000, 'no_show'
  if kind <= 8 then
    c, l, o = ms(claimed), claimed + math.random(1000, 300000), 'ended'
  elseif kind == 9 then
    a, l, o = '', admitted, 'left_line'
  end
  local place = ms(arrived * 1000 + n % 1000)
  redis.call('XADD', KEYS[1], '*', 'v', string.format('%022d', n), 'p', place, 'a', a, 'c', c,
    'l', ms(l), 'o', o)
end
redis.call('HINCRBY', KEYS[2], 'entered', last - first)
"""


def fill(url: str, room: str, count: int) -> None:
    """Write made-up visits into a room's journal."""
    keys = Keys(room)
    with Redis.from_url(url) as raw:
        script = raw.register_script(VISITS)
        for first in range(0, count, BATCH):
            last = min(first + BATCH, count)
            script(keys=[keys.journal, keys.meta], args=[first, last, count, T0_MS, SPAN_MS])
