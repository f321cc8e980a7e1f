"""The scripts of alerts, as they lie beside this module."""

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """Return the text of ``scripts/<name>.lua``."""
    return (files("waitroom.alerts") / "scripts" / f"{name}.lua").read_text()
