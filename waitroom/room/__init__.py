"""The engine: rooms, their lines and their seats, on Redis. Knows no web and no worker."""

from .board import Board as Board
from .board import State as State
from .directory import Directory as Directory
from .keys import Keys as Keys
from .room import COUNTERS as COUNTERS
from .room import Figures as Figures
from .room import Room as Room
from .room import VisitorRow as VisitorRow
from .scripts import Standing as Standing
from .scripts import Swept as Swept
from .settings import RoomSettings as RoomSettings
from .store import Store as Store
