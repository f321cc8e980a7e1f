"""What an owner can do, for the console, the API and the command line alike."""

from .control import Control as Control
