"""A self-hosted virtual waiting room for websites, around Redis."""

__version__ = "0.1.0"
