"""Servers that can carry the application; ``WAITROOM_SERVER`` chooses one.

Each takes a socket that listens already, serves until ``stop``, and ends within the time given.
Each is told the same limits, so that a page meets the same service whatever is chosen.
"""

from waitroom.web.servers.choice import choose as choose
from waitroom.web.servers.limits import KEEP_ALIVE_S as KEEP_ALIVE_S
from waitroom.web.servers.limits import MAX_HEADERS as MAX_HEADERS
from waitroom.web.servers.limits import MAX_WEBSOCKET_MESSAGE as MAX_WEBSOCKET_MESSAGE
from waitroom.web.servers.limits import App as App
from waitroom.web.servers.limits import Run as Run
