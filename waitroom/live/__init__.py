"""Sockets, ticks and what visitors are told."""
