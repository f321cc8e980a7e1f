"""The command `waitroom`."""

from .main import main as main
