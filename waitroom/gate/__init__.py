"""The gate in front of a site: a pure decision, and middleware that carries it out."""

from waitroom.gate.asgi import GateMiddleware as GateMiddleware
