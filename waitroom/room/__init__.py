"""The engine: rooms, their lines and their seats, on Redis. Knows no web and no worker."""

from .board import Board as Board
from .board import State as State
from .directory import Directory as Directory
from .figures import COUNTERS as COUNTERS
from .figures import Figures as Figures
from .figures import VisitorRow as VisitorRow
from .keys import Keys as Keys
from .room import Room as Room
from .scripts import Standing as Standing
from .scripts import Swept as Swept
from .settings import RoomSettings as RoomSettings
from .store import Store as Store
