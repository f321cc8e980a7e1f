#!lua flags=allow-oom
--[[
checked: note when conditions were looked at, and by whom.

Allowed when Redis is full: that is one of the things to tell.

KEYS
  1 checked  hash  when and by whom
ARGV
  1 at_ms  int   when
  2 by     text  by whom
RETURNS  1
COST     O(1)
CALLER   alerts/book.py note_checked()
]]
local checked = KEYS[1]
local at_ms, by = ARGV[1], ARGV[2]

redis.call('HSET', checked, 'at_ms', at_ms, 'by', by)
return 1
