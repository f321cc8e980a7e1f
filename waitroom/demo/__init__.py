"""A small shop to protect: what a guarded site looks like, and something to try the room on."""

from waitroom.demo.app import create_demo as create_demo
from waitroom.demo.serve import serve as serve
