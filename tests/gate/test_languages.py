"""The language of the splash page is chosen as ``tests/vectors/languages.json`` says."""

import json
from pathlib import Path
from typing import Any

import pytest

from waitroom.gate.languages import negotiated
from waitroom.web.accepts import Accepts

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "languages.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["shown"] or "nothing")
def test_language_is_the_pinned_one(case: dict[str, Any]) -> None:
    found = negotiated(case["shown"], VECTORS["offered"], VECTORS["default"])
    assert found == case["expect"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["shown"] or "nothing")
def test_the_service_chooses_the_same(case: dict[str, Any]) -> None:
    accepts = Accepts({"headers": [(b"accept-language", case["shown"].encode("latin-1"))]})
    assert accepts.language(VECTORS["offered"], VECTORS["default"]) == case["expect"]


def test_a_language_is_found_and_named_as_the_service_spells_it() -> None:
    assert negotiated("pt-br, de", ["de", "pt-BR"]) == "pt-BR"
    assert negotiated("PT-PT, de", ["de", "pt-BR"]) == "de"
    assert negotiated("de", []) == "en"


@pytest.mark.parametrize("shown", ["en\r\nX: y", "\x00", "é;q=1", ";" * 9000, "," * 9000])
def test_odd_headers_choose_nothing_that_is_not_offered(shown: str) -> None:
    assert negotiated(shown, ["de"], "en") == "en"
