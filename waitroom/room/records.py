"""What happened in a room, exactly: each minute, each day, and each visit that is over.

The scripts count; a sample a minute takes what was counted since the one before it, so nothing is
lost when one is missed. Days are added up from the samples, in UTC. The journal has one row a
visit, kept for ``keep_days``; the samples are kept for 31 days and the days for 400.

How right the announced waits were: in each ten seconds in which there is a line, the first board
notes the wait that the next one in line is told. Whoever is admitted is held against the note of
the ten seconds in which they arrived: ``told_right`` when they waited no shorter than its lower
and no longer than its upper end. Without a note ("not known yet", nobody waiting, more than a
day ago) they do not count, and neither does who waited for less than a second: seated on arrival.
"""

from .counted import Counted as Counted
from .counted import Day as Day
from .counted import Minute as Minute
from .days import DAY_MS as DAY_MS
from .days import DAYS as DAYS
from .days import days as days
from .journal import Outcome as Outcome
from .journal import Visit as Visit
from .journal import journal as journal
from .journal import journal_length as journal_length
from .minutes import KEEP_MS as KEEP_MS
from .minutes import Told as Told
from .minutes import minutes as minutes
from .minutes import told_since as told_since
from .spans import Spans as Spans
