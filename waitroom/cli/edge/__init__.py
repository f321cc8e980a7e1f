"""`waitroom edge`: sets up the edge in front of a site, and looks whether it does its work."""

from waitroom.cli.edge.commands import edge as edge
