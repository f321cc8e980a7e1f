"""The headers of the Lua scripts say what their bodies do; nothing else checks that."""

import inspect
import re
from importlib.resources import files

import pytest

from waitroom.room import Store, loading
from waitroom.room.keys import Keys
from waitroom.room.loading import FLAGS, source
from waitroom.room.scripts import AuditRow, Scripts

FOLDER = files("waitroom.room") / "scripts"
SHARED = {
    path.name.removesuffix(".lua"): path.read_text() for path in (FOLDER / "shared").iterdir()
}
VERBS = sorted(path.name.removesuffix(".lua") for path in FOLDER.iterdir() if path.is_file())
TEXTS = SHARED | {verb: (FOLDER / f"{verb}.lua").read_text() for verb in VERBS}
#: Loops that end: at a batch's size, at a line's length in steps of 2 %.
BOUNDED = {
    "#present < enough and looked < most",
    "position < last",
}
#: Reads of all of a key that holds no more than so many bins.
BOUNDED_READS = {"spans": {"HGETALL"}}
#: Code lines a file.
MAX_CODE_LINES = 60


def split(verb: str) -> tuple[str, str]:
    """Return a script's header and body."""
    header, body = TEXTS[verb].split("]]\n", 1)
    return header, body


def numbered(header: str, section: str) -> dict[int, tuple[str, str]]:
    """Return number -> name and type of the header's section; name "" for the open end."""
    text = re.search(rf"^{section}\n((?:  .*\n)+)", header, re.M)
    if text is None:
        return {}
    found = {}
    for line in text[1].splitlines():
        if match := re.match(r"  (\d+) (\.\.|\w+) +(\w+)", line):
            name = "" if match[2] == ".." else match[2]
            found[int(match[1])] = (name, match[3])
    return found


def assigned(body: str, array: str) -> dict[int, str]:
    """Return number -> name of the locals that stand for KEYS or ARGV."""
    found = {}
    for left, right in re.findall(r"^local ([\w, ]+) = (.*)$", body, re.M):
        parts = re.findall(r"(?:tonumber\()?(KEYS|ARGV)\[(\d+)\]\)?", right)
        for name, (which, number) in zip(left.split(", "), parts, strict=False):
            if which == array:
                found[int(number)] = name
    return found


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("array", ["KEYS", "ARGV"])
def test_header_and_body_name_the_same_arguments(verb: str, array: str) -> None:
    header, body = split(verb)
    declared = {number: name for number, (name, _) in numbered(header, array).items() if name}
    assert declared == assigned(body, array)
    assert list(declared) == list(range(1, len(declared) + 1))


@pytest.mark.parametrize("verb", VERBS)
def test_open_end_of_the_arguments_is_where_the_header_says(verb: str) -> None:
    header, body = split(verb)
    declared = [number for number, (name, _) in numbered(header, "ARGV").items() if not name]
    used = re.findall(r"for \w+ = (\d+), #ARGV|unpack\(ARGV, (\d+)\)", body)
    assert declared == sorted({int(a or b) for a, b in used})
    if declared:
        assert declared == [max(numbered(header, "ARGV"))]


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_is_used(verb: str) -> None:
    _, body = split(verb)
    for array in ("KEYS", "ARGV"):
        for name in assigned(body, array).values():
            assert len(re.findall(rf"\b{name}\b", body)) > 1, f"{verb} never uses {name}"
        # By name only, except where the rest is read.
        plain = re.findall(rf"{array}\[\d+\]", body)
        assert len(plain) == len(assigned(body, array))


@pytest.mark.parametrize("verb", VERBS)
def test_header_says_what_comes_back_what_it_costs_and_who_calls(verb: str) -> None:
    header = FLAGS.sub("", split(verb)[0])
    assert header.startswith(f"--[[\n{verb}: ")
    for section in ("RETURNS", "COST", "CALLER"):
        assert re.search(rf"^{section} +\S", header, re.M), section
    module = getattr(Scripts, verb).__module__.removeprefix("waitroom.").replace(".", "/")
    assert f" {module}.py {verb}()\n" in header
    assert "O(log N)" in header or "O(number of settings)" in header


@pytest.mark.parametrize("verb", VERBS)
def test_keys_are_those_of_the_room_in_type_and_name(verb: str) -> None:
    kinds = {
        **dict.fromkeys(["settings", "meta", "kept", "served", "cut_rows"], "hash"),
        **dict.fromkeys(["waits", "told"], "hash"),
        **dict.fromkeys(["waiting", "seen", "parked", "active", "unclaimed", "cut"], "zset"),
        "board": "string",
        **dict.fromkeys(["audit", "history", "journal"], "stream"),
    }
    declared = dict(numbered(split(verb)[0], "KEYS").values())
    assert declared == {name: kinds[name] for name in declared}
    assert all(isinstance(getattr(Keys("shop"), name), str) for name in declared)


@pytest.mark.backends("valkey")
@pytest.mark.parametrize("verb", VERBS)
async def test_wrapper_sends_the_keys_in_the_order_of_the_header(verb: str, store: Store) -> None:
    sent: list[list[str]] = []
    scripts, keys = Scripts(store), Keys("shop")

    async def record(_verb: str, _keys: Keys, names: list[str], _args: list[object]) -> object:
        sent.append(names)
        answers: dict[str, object] = {
            **dict.fromkeys(["leave", "board", "let_in"], b""),
            **dict.fromkeys(["sample", "update"], 0),
            "admit": [0],
            "admit_now": [b"done", 0],
            "renew": [0, 0],
            "sweep": [0] * 6,
        }
        return answers.get(verb, [])

    scripts._run = record  # type: ignore[assignment]
    arguments: dict[str, tuple[object, ...]] = {
        "enter": ([("ada", 0)],),
        "beat": (["ada"],),
        "renew": ([("ada", 0)],),
        "leave": ("ada",),
        "restore": ({}, 0),
        "create": ({}, AuditRow("ada", b"{}")),
        "update": ([], AuditRow("ada", b"{}")),
        "admit_now": (1, "once", AuditRow("ada", b"{}")),
        "let_in": ("ada", AuditRow("ada", b"{}")),
        "note": (AuditRow("ada", b"{}"),),
        "sample": ([],),
    }
    options = {"sample": {"keep_ms": 0}}
    await getattr(scripts, verb)(keys, *arguments.get(verb, ()), **options.get(verb, {}))
    declared = numbered(split(verb)[0], "KEYS")
    assert sent == [[getattr(keys, name) for name, _ in declared.values()]]


def test_every_verb_has_a_file_and_every_file_a_wrapper() -> None:
    wrappers = {
        name for name, _ in inspect.getmembers(Scripts, inspect.isfunction) if name[0] != "_"
    }
    assert wrappers == set(VERBS) == set(loading.VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_wrapper_names_its_source(verb: str) -> None:
    assert f"``scripts/{verb}.lua``" in (getattr(Scripts, verb).__doc__ or "")


@pytest.mark.parametrize("verb", sorted(TEXTS))
def test_script_is_short_enough_to_hold_in_ones_head(verb: str) -> None:
    body = TEXTS[verb].split("]]\n", 1)[1]
    code = [
        line for line in body.splitlines() if line.strip() and not line.strip().startswith("--")
    ]
    assert len(code) <= MAX_CODE_LINES
    assert all(len(line) <= 100 for line in TEXTS[verb].splitlines())


@pytest.mark.parametrize("verb", sorted(TEXTS))
def test_i6_no_script_looks_at_everything(verb: str) -> None:
    commands = set(re.findall(r"redis\.call\('(\w+)'", TEXTS[verb]))
    whole = {"KEYS", "SCAN", "ZSCAN", "HSCAN", "SMEMBERS", "HGETALL", "HKEYS", "HVALS", "SORT"}
    assert not commands & whole - BOUNDED_READS.get(verb, set())
    # Every loop has a bound: over what was sent, over a batch, or a number.
    for condition in re.findall(r"while (.*) do", TEXTS[verb]):
        assert condition in BOUNDED, condition
    for first, last in re.findall(r"'ZRANGE', \w+, ([^,]+), ([^,)]+)", TEXTS[verb]):
        assert last.strip() != "-1", f"ZRANGE {first} {last} reads all"
    # A name made inside a script would be a key that nobody declared.
    assert "waitroom:" not in TEXTS[verb]


@pytest.mark.backends("valkey")
@pytest.mark.parametrize("verb", VERBS)
async def test_script_is_sent_with_what_it_needs_before_it_and_no_more(
    verb: str, store: Store
) -> None:
    text = source(verb)
    flags = FLAGS.match(TEXTS[verb])
    assert text.startswith(flags[0] if flags else "--[[")
    assert text.endswith(FLAGS.sub("", TEXTS[verb]))
    assert text.count("#!lua") == bool(flags)
    assert await store.redis.script_load(text)
    sent = [name for name in SHARED if SHARED[name] in text]
    for name in SHARED:
        functions = re.findall(r"^local function (\w+)", SHARED[name], re.M)
        used = [re.search(rf"(?<!function )\b{f}\(", text) for f in functions]
        # A call that stands before the definition would find nothing.
        for function, use in zip(functions, used, strict=True):
            assert use is None or f"local function {function}(" in text[: use.start()], function
        assert any(used) == (name in sent), name


@pytest.mark.parametrize("name", sorted(SHARED))
def test_shared_file_says_what_it_holds(name: str) -> None:
    assert SHARED[name].startswith(f"--[[\n{name}: ")
    assert "KEYS[" not in SHARED[name] and "ARGV[" not in SHARED[name]
