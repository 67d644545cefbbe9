import re
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spec.language import REQUEST_ROLES, RESPONSE_ROLES, STATES, TERMINAL_STATES, walk
from spec.loading import load_contract
from spec.units import FORMAT_CHECKS, FORMAT_PATTERNS, inward, outward, size_rule_format, size_rule_reason

FEW = settings(max_examples=40, deadline=None)
TIMES = ("created", "task-submitted", "task-started", "task-finished")
#: whole milliseconds from 1970 to 2100, as seconds
MOMENTS = st.integers(0, 4_102_444_800_000).map(lambda millis: millis / 1000)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def there_and_back(role: str, schema: dict[str, Any], value: Any) -> Any:
    """`value` in our units, put on the wire and read again."""
    out, back = outward(role, schema), inward(role, schema)
    wire = out(value) if out else value
    return back(wire) if back else wire


# --- there and back -------------------------------------------------------------------------------


@FEW
@given(size=st.tuples(st.integers(0, 99_999), st.integers(0, 99_999)))
def test_size_survives_the_wire(size: tuple[int, int]) -> None:
    assert there_and_back("size", {}, size) == size


@FEW
@given(moment=MOMENTS, role=st.sampled_from(TIMES))
@example(moment=517.963, role="created")
@example(moment=1730621718.151, role="created")
def test_moment_survives_the_wire_in_every_unit(moment: float, role: str) -> None:
    assert there_and_back(role, {"format": "unix-millis"}, moment) == moment
    assert there_and_back(role, {"format": "date-time"}, moment) == moment
    assert there_and_back(role, {"format": "unix-seconds"}, float(int(moment))) == int(moment)


@FEW
@given(progress=st.integers(0, 100))
def test_progress_survives_the_wire(progress: int) -> None:
    assert there_and_back("task-progress", {"format": "percent-text"}, progress) == progress
    assert there_and_back("task-progress", {}, progress) == progress


@settings(max_examples=15, deadline=None)
@given(words=st.dictionaries(st.text(max_size=8) | st.integers(), st.sampled_from(STATES), min_size=1))
def test_state_survives_the_provider_s_words(words: dict[str | int, str]) -> None:
    for state in words.values():
        assert there_and_back("task-status", {"x-states": words}, state) == state


@FEW
@given(text=st.text(), number=st.integers())
def test_roles_without_a_unit_travel_as_they_are(text: str, number: int) -> None:
    assert there_and_back("prompt", {}, text) == text
    assert there_and_back("seed", {}, number) == number


@FEW
@given(seconds=st.floats(0, 1e6), format_=st.sampled_from(["duration-text", ""]))
def test_a_wait_is_never_told_too_short_and_hardly_too_long(seconds: float, format_: str) -> None:
    told = there_and_back("reset-requests", {"format": format_}, seconds)
    assert seconds - 1e-5 <= told <= seconds + 1


@FEW
@given(flag=st.booleans())
def test_a_flag_comes_back_from_text(flag: bool) -> None:
    assert there_and_back("should-retry", {"type": "string"}, flag) is flag


@settings(max_examples=200, deadline=None)
@given(
    value=ANYTHING,
    role=st.sampled_from(sorted({**REQUEST_ROLES, **RESPONSE_ROLES})),
    format_=st.sampled_from(["", "unix-seconds", "unix-millis", "date-time", "percent-text", "duration-text"]),
)
@example(value=10**400, role="created", format_="unix-millis")
@example(value=10**400, role="created", format_="unix-seconds")
@example(value="0001-01-01T00:00:00", role="created", format_="date-time")
def test_no_value_from_the_wire_is_too_odd_to_be_read(value: Any, role: str, format_: str) -> None:
    for words in ({}, {"x-words": {"a": 1}}):
        convert = inward(role, {"format": format_, **words})
        if convert is not None:
            convert(value)


# --- what is on the wire --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "schema", "ours", "wire"),
    [
        ("size", {}, (1536, 1024), "1536x1024"),
        ("size", {}, "auto", "auto"),
        ("created", {"format": "unix-seconds"}, 1730621718.9, 1730621718),
        ("created", {}, 1730621718.9, 1730621718),
        ("task-submitted", {"format": "unix-millis"}, 1730621718.151, 1730621718151),
        ("task-finished", {"format": "date-time"}, 1730621718.151, "2024-11-03T08:15:18.151Z"),
        ("task-finished", {"format": "date-time"}, 1730621718.0, "2024-11-03T08:15:18.000Z"),
        ("task-progress", {"format": "percent-text"}, 46, "46%"),
        ("reset-requests", {"format": "duration-text"}, 0.002, "2ms"),
        ("reset-requests", {"format": "duration-text"}, 0, "0ms"),
        ("reset-images", {"format": "duration-text"}, 0.0151, "16ms"),
        ("reset-images", {"format": "duration-text"}, 59.2, "1m0s"),
        ("reset-images", {"format": "duration-text"}, 12.0, "12s"),
        ("reset-images", {"format": "duration-text"}, 7205.0, "2h0m5s"),
        ("reset-images", {"type": "integer"}, 12.1, 13),
        ("should-retry", {"type": "string"}, True, "true"),
        ("should-retry", {"type": "string"}, False, "false"),
        ("should-retry", {"type": "boolean"}, False, False),
        ("task-progress", {"type": "integer"}, 46, 46),
        ("delivery", {"x-words": {"url": "image-url", "b64_json": "image-b64"}}, "image-b64", "b64_json"),
        ("task-status", {"x-states": {"NEW": "queued", "WAITING": "queued", "OK": "succeeded"}}, "queued", "NEW"),
        ("task-status", {"x-states": {"NEW": "queued"}}, "failed", "failed"),
        ("task-status", {"x-states": {"BUSY": "running", "BAD": "failed"}}, "queued", "BUSY"),
        ("task-status", {"x-states": {"BUSY": "running", "BAD": "failed"}}, "canceled", "BAD"),
    ],
)
def test_written_as_the_schema_says(role: str, schema: dict[str, Any], ours: Any, wire: Any) -> None:
    convert = outward(role, schema)
    written = convert(ours) if convert else ours
    assert (written, type(written)) == (wire, type(wire))


@pytest.mark.parametrize(
    ("role", "schema", "wire", "ours"),
    [
        ("size", {}, "1024 x 1536", (1024, 1536)),
        ("size", {}, "bogus", "bogus"),
        ("size", {}, 1024, 1024),
        ("created", {"format": "unix-seconds"}, 1730621718, 1730621718.0),
        ("created", {"format": "unix-seconds"}, "2024-11-03T08:15:18Z", 1730621718.0),
        ("created", {"format": "unix-seconds"}, True, True),
        ("created", {"format": "unix-seconds"}, "yesterday", "yesterday"),
        ("task-started", {"format": "date-time"}, "2024-11-03T09:15:18.151+01:00", 1730621718.151),
        ("task-progress", {"format": "percent-text"}, "46%", 46),
        ("task-progress", {"format": "percent-text"}, "", ""),
        ("task-progress", {"type": "integer"}, "46%", 46),
        ("count", {}, "3", 3),
        ("count", {}, "three", "three"),
        ("count", {}, "1.5", "1.5"),
        ("seed", {}, "-1", -1),
        ("stream", {}, "true", True),
        ("stream", {}, "yes", "yes"),
        ("async", {"x-words": {"true": True, "false": False}}, "true", True),
        ("async", {"x-words": {"true": True, "false": False}}, "1", "1"),
        ("task-status", {"x-states": {"QUEUED": "queued"}}, "QUEUED", "queued"),
        ("task-status", {"x-states": {"QUEUED": "queued"}}, "LOST", "LOST"),
        ("task-status", {"x-states": {"QUEUED": "queued"}}, ["QUEUED"], ["QUEUED"]),
    ],
)
def test_read_in_our_units_or_as_it_is(role: str, schema: dict[str, Any], wire: Any, ours: Any) -> None:
    convert = inward(role, schema)
    found = convert(wire) if convert else wire
    assert (found, type(found)) == (ours, type(ours))


def test_a_moment_without_an_offset_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    convert = inward("created", {"format": "date-time"})
    assert convert is not None
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert convert("2024-11-03T08:15:18") == 1730621718.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_terminal_states_are_states() -> None:
    assert set(STATES) > TERMINAL_STATES == {"succeeded", "failed", "canceled"}


# --- the size rule of models that take any size ---------------------------------------------------

REQUEST = load_contract("images").operation("createImage").body["application/json"]
RULE = next(part["x-size-rule"] for _, part in walk(REQUEST) if "min-pixels" in part.get("x-size-rule", ()))


@pytest.mark.parametrize(
    "size",
    [
        "1024x1024",
        "1536x1024",
        "1024x1536",
        "2048x2048",
        "2048x1152",
        "3840x2160",
        "2160x3840",
        "816x816",
        "1824x1024",
        "1440x480",
        "480x1440",
        "1024x640",
        "1408x480",
        "3840x1280",
        "1280x3840",
        "2880x2880",
    ],
)
def test_size_inside_the_rule(size: str) -> None:
    assert size_rule_reason(RULE, size) is None


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ("bogus", "WIDTHxHEIGHT"),
        ("", "WIDTHxHEIGHT"),
        ("0x0", "WIDTHxHEIGHT"),
        ("1024", "WIDTHxHEIGHT"),
        ("1024x-1024", "WIDTHxHEIGHT"),
        ("1024x1024x1", "WIDTHxHEIGHT"),
        ("0x1024", "WIDTHxHEIGHT"),
        ("auto", "WIDTHxHEIGHT"),
        ("9x9", "divisible by 16"),
        ("1254x1254", "divisible by 16"),
        ("1024x1025", "divisible by 16"),
        ("3856x2160", "longest edge may be 3840"),
        ("2160x3856", "longest edge may be 3840"),
        ("1456x480", "3 times the shorter"),
        ("480x1456", "3 times the shorter"),
        ("3840x1264", "3 times the shorter"),
        ("800x800", "at least 655360"),
        ("1280x496", "at least 655360"),
        ("2896x2896", "at most 8294400"),
        ("3840x2176", "at most 8294400"),
    ],
)
def test_size_outside_the_rule_and_why(size: str, reason: str) -> None:
    assert reason in str(size_rule_reason(RULE, size))


@FEW
@given(width=st.integers(1, 260), height=st.integers(1, 260))
def test_size_rule_is_the_reference_s_inequalities(width: int, height: int) -> None:
    width, height = width * 16, height * 16
    inside = (
        max(width, height) <= 3840
        and max(width, height) <= 3 * min(width, height)
        and 655_360 <= width * height <= 8_294_400
    )
    assert (size_rule_reason(RULE, f"{width}x{height}") is None) == inside


def test_a_rule_says_only_what_it_names() -> None:
    assert size_rule_reason({"max-edge": 100}, "100x1") is None
    assert size_rule_reason({"max-edge": 100}, "101x1") is not None


def test_size_rule_as_a_format_passes_its_words_and_other_types() -> None:
    name, check = size_rule_format(RULE, frozenset({"auto"}))
    assert all(check(value) for value in ("auto", "1024x1024", None, 5, ["9x9"]))
    assert not check("9x9")
    assert name != size_rule_format(RULE, frozenset())[0]
    assert name != size_rule_format({**RULE, "multiple": 8}, frozenset({"auto"}))[0]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "uri",
            ["https://cdn.example/a.png", "data:image/png;base64,AAAA", "http://localhost:8000/x?y=1#z"],
            ["", "a.png", "/a.png", "https:", "https://a b", "https://a\n", "1http://a"],
        ),
        (
            "date-time",
            ["2024-11-03T08:15:18Z", "2024-11-03T08:15:18.151+01:00"],
            ["", "2024-11-03", "2024-11-03T08:15:18", "2024-13-03T08:15:18Z", "1730621718"],
        ),
    ],
)
def test_checked_formats_judge_texts_only(name: str, good: list[str], bad: list[str]) -> None:
    check = FORMAT_CHECKS[name]
    assert [text for text in good if not check(text)] == []
    assert [text for text in bad if check(text)] == []
    assert all(map(check, [None, 5, True, ["x"], {"x": 1}]))


@given(
    st.from_regex(r"[a-z]?[a-z0-9+.\-]{0,3}:?.{0,4}") | st.text(max_size=8) | st.text(" \t\n\x1c\x85\ufeff:ab\u2028")
)
@example("a:")
@example("a:\ufeff")
@example("a:b\n")
@example("a:b\x1f")
def test_a_format_and_its_pattern_say_the_same(text: str) -> None:
    said = jsonschema_rs.Draft202012Validator({"pattern": FORMAT_PATTERNS["uri"]}).is_valid(text)
    assert said == FORMAT_CHECKS["uri"](text) == (re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", text) is not None)
