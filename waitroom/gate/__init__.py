"""The gate in front of a site: a pure decision, and middleware that carries it out."""

from waitroom.gate.asgi import GateMiddleware as GateMiddleware
from waitroom.gate.origin import OriginGuard as OriginGuard
from waitroom.gate.origin import WSGIOriginGuard as WSGIOriginGuard
from waitroom.gate.wsgi import WSGIGateMiddleware as WSGIGateMiddleware
