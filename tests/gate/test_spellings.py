"""What the app routes on is what was judged, however a path is spelled; by generated paths."""

from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from waitroom.gate.environs import forwarded_environ, leaves_mount, visit_from_environ
from waitroom.gate.paths import PathError, canonical_path
from waitroom.gate.scopes import forwarded

_PIECES = ["/", "//", ".", "..", ";", "%2e", "%2E", "%252e", "%3b", "%", "\\", "shop", "SHOP"]
_PIECES += ["%73hop", "%2f", "%5c", "x", " ", "\xfc", "\xc3\xbc", "%c3%bc", "%00", "?", "#", "+"]
_paths = st.lists(st.sampled_from(_PIECES), max_size=8).map(lambda pieces: "/" + "".join(pieces))
_mounts = st.sampled_from(["", "/", "/x", "/shop", "/x/shop"])


@given(_paths, _mounts)
def test_a_wsgi_app_routes_on_the_path_that_was_judged(path: str, mount: str) -> None:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": mount, "PATH_INFO": path}
    try:
        judged = canonical_path(visit_from_environ(environ).path)
    except PathError:
        return
    if leaves_mount(environ, judged.page):
        return
    told = forwarded_environ(dict(environ), judged.page, ())
    assert told["SCRIPT_NAME"] == mount
    assert told["PATH_INFO"][:1] in ("", "/")
    seen = canonical_path(visit_from_environ(told).path)
    assert (seen.match, seen.page) == (judged.match, judged.page)


@given(_paths)
def test_an_asgi_app_routes_on_the_path_that_was_judged(path: str) -> None:
    raw = path.encode("latin-1")
    scope = {"path": unquote_to_bytes(raw).decode("utf-8", "replace"), "raw_path": raw}
    try:
        judged = canonical_path(path)
    except PathError:
        return
    told = forwarded(scope | {"headers": []}, judged.page, (), ())
    seen = canonical_path(told["raw_path"].decode("latin-1"))
    assert (seen.match, seen.page) == (judged.match, judged.page)
    assert unquote_to_bytes(told["raw_path"]).decode("utf-8", "replace") == told["path"]
