"""Fixtures of the tests at scale; web processes are started as in the tests of `web`."""

from tests.web.conftest import start_web as start_web
