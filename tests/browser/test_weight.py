"""What a visitor's phone has to load before it sees its position."""

import gzip
import re
from pathlib import Path

import pytest

from waitroom.web.accepts import Accepts
from waitroom.web.splash import Splash

#: About one round trip of a fresh connection.
FIRST_VIEW_MAX = 14 * 1024


async def test_first_view_is_at_most_14_kb_gzipped(capsys: pytest.CaptureFixture[str]) -> None:
    splash = Splash(Path("splash"))
    # As a phone asks: every answer is measured as it is sent.
    phone = Accepts({"headers": [(b"accept-encoding", b"gzip")]})
    page = splash.page(phone, 200).body
    names = set(
        re.findall(rb'(?:src|href)="/__waitroom/assets/[0-9a-f]+/([^"]+)', gzip.decompress(page))
    )
    sizes = {"the page": len(page)}
    for name in sorted({found.decode() for found in names} | {"heartbeat.js"}):
        answer = splash.asset(phone, splash.version, name)
        assert answer is not None, name
        sizes[name] = len(answer.body)
    assert {"waiting.js", "waiting.css", "state.js"} <= set(sizes)
    total = sum(sizes.values())
    # Shown in every run: a page grows a little at a time.
    with capsys.disabled():
        print(f"\nfirst view: {total:,} bytes gzipped of at most {FIRST_VIEW_MAX:,}")
    assert total <= FIRST_VIEW_MAX


def test_no_module_of_the_page_is_left_out_of_the_first_view() -> None:
    folder = Path("splash")
    imported = {
        name
        for script in folder.glob("*.js")
        if not script.name.endswith(".test.js")
        for name in re.findall(r'from "\./([a-z]+\.js)"', script.read_text())
    }
    page = (folder / "index.html").read_text()
    assert imported and all(Path(name).stem in page for name in imported)
