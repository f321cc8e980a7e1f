"""Schemathesis against the real application: what the document says is what the API does."""

import asyncio
import os
import sys
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.web.helpers import Site
from waitroom.room import Directory

from .conftest import OWNER, Ask, MakeToken

#: Same requests each time; a handful an operation.
SEED, EXAMPLES = "5", "5"
ROOT = Path(__file__).parent.parent.parent
CONFIG = """
headers = {{ Authorization = "Bearer {token}" }}

[parameters]
"path.name" = "full"
"path.visitor" = "ada"
"path.token" = "spare"
"path.account" = "bo"

# A made-up version is out of date.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412"]

# So is what is too large.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422"]

# What CSS and HTML may hold is said in words: most texts of these shapes are refused.
[[operations]]
include-name-regex = "(PUT .*/theme|POST .*/preview)"
checks.positive_data_acceptance.enabled = false
phases.coverage.enabled = false

# These send something to wherever a made-up address leads; tests/alerts has them.
[[operations]]
include-name-regex = "(PUT /api/alerts/channels|POST /api/alerts/channels)"
enabled = false

# What a limit may be depends on the kind, which is in the address.
[[operations]]
include-name-regex = "PUT /api/alerts/rules"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "DELETE /api/rooms/{{name}}"
parameters = {{ "path.name" = "other" }}

[[operations]]
include-name = "DELETE /api/accounts/{{account}}"
parameters = {{ "path.account" = "eve" }}

[[operations]]
include-name = "DELETE /api/rooms/{{name}}/visitors/{{visitor}}"
parameters = {{ "path.name" = "full", "path.visitor" = "bob" }}
"""


async def test_the_document_is_valid_openapi(ask: Ask) -> None:
    document = (await ask("GET", "/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


async def test_schemathesis_finds_nothing(
    site: Site, directory: Directory, make_token: MakeToken, tmp_path: Path
) -> None:
    full = await directory.create("full", {"total_active_users": 0}, who="test")
    await full.enter_many([("ada", 0), ("bob", 0)])
    # What is deleted on the way is another room, so that every operation finds one.
    await directory.create("other", {}, who="test")
    await make_token("spare", "viewer")
    await site.services.accounts.invite(OWNER, "bo", "viewer")
    await site.services.accounts.invite(OWNER, "eve", "viewer")
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(CONFIG.format(token=await make_token("fuzz", "owner")))
    child = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings)),
        *("run", f"{site.url}/api/openapi.json", "--seed", SEED, "--max-examples", EXAMPLES),
        *("--phases", "coverage,fuzzing", "--no-color", "--request-timeout", "10"),
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.api.networks", "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
