"""Fixtures of the live tests; a web process is served as in the tests of `web`."""

from tests.web.conftest import full as full
from tests.web.conftest import http as http
from tests.web.conftest import links as links
from tests.web.conftest import open_page as open_page
from tests.web.conftest import serve as serve
from tests.web.conftest import site as site
from tests.web.conftest import start_web as start_web
