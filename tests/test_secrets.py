"""Keys stay secret, whatever a provider does with them."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from test_check import CHEAP
from test_provider import CREATE, IMAGES, Asked, Listener, Told, asking, create, links, listening

from contract_tests.cases import json_case
from contract_tests.connection import CouldNotLook
from contract_tests.report.evidence import curl
from spec.recordings.redactor import Redactor
from spec.recordings.secrets import MASK, secrets_in, secrets_of

# Every form it takes in a URL, in JSON and on a page differs from the others.
KEY = 'sk-Planted/9+8="7"&6é'
WIRE = KEY.encode().decode("latin-1")  # as http.server reads and writes it
ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
SHORT = json_case(IMAGES, CREATE, {"model": "dall-e-2", "prompt": "A fox"})
ROOT = Path(__file__).parent.parent
FORMS = {
    KEY,
    quote(KEY, safe=""),
    quote(KEY),
    quote(KEY, safe="").lower(),
    html.escape(KEY),
    json.dumps(KEY)[1:-1],
    WIRE,
    "Planted",
    ESCAPED,
    quote(quote(KEY, safe=""), safe=""),
    base64.b64encode(KEY.encode()).decode(),
    base64.b64encode(b"Bearer " + KEY.encode()).decode()[12:-8],  # begins at the second of three bytes
    base64.b64encode(b"x:" + KEY.encode()).decode()[4:-4],
}


def leaks(text: str | bytes) -> list[str]:
    """The forms of the key in a text."""
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [form for form in FORMS if form in told]


def signed_png() -> bytes:
    """A picture whose metadata repeats the key."""
    notes, file = PngInfo(), io.BytesIO()
    notes.add_text("Comment", f"made for {KEY}")
    Image.new("RGB", (64, 64), "teal").save(file, "PNG", pnginfo=notes)
    return file.getvalue()


def telltale(asked: Asked) -> Told:
    """Repeats the caller's key wherever it can: headers, texts, names, links."""
    if asked.method == "GET":
        right = parse_qs(urlsplit(asked.path).query).get("key") == [KEY]
        return (
            Told(signed_png(), headers={"content-type": "image/png"})
            if right
            else Told({"error": "no such picture"}, 404)
        )
    headers = {
        "x-echo": WIRE,
        "x-quoted": quote(KEY, safe=""),
        "x-twice": quote(quote(KEY, safe=""), safe=""),
        "x-basic": base64.b64encode(f"x:{KEY}".encode()).decode(),
        "set-cookie": f"key={quote(KEY)}",
    }
    if asked.headers.get("authorization") != f"Bearer {WIRE}" or asked.body.count(b'":') != 2:  # model and prompt
        told = f"Key {KEY} may not do that; see /keys?{quote(KEY)}"
        error = {"message": told, "type": "invalid_request_error", "param": KEY, "code": None, KEY: 1}
        error["debug"] = base64.b64encode(f"authorization: Bearer {KEY}; more".encode()).decode()
        body = json.dumps({"error": error}).replace('"code"', f'"{ESCAPED}": "{ESCAPED}", "code"')
        return Told(body.encode(), 400, headers)
    link = f"http://{asked.headers['host']}/p.png?key={quote(KEY, safe='')}"
    answer = {**links(link).value, "choices": KEY, KEY: KEY}  # and no usage
    answer["data"].append({"b64_json": base64.b64encode(signed_png()).decode()})
    return Told(json.dumps(answer, ensure_ascii=False).encode(), 200, headers)


@pytest.fixture(scope="module")
def echoing() -> Iterator[Listener]:
    """A provider that repeats keys."""
    with listening(telltale) as server:
        yield server


def environment() -> dict[str, str]:
    """This environment with the planted key."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return {**kept, "OPENAI_API_KEY": KEY, "COLUMNS": "500", "PYTHONIOENCODING": "utf-8"}


def test_the_listener_does_repeat_the_key() -> None:
    """Or the other tests would show nothing."""
    told = telltale(Asked("POST", "/", {"host": "h", "authorization": f"Bearer {WIRE}"}, SHORT.body))
    assert leaks(told.body)
    assert leaks(telltale(Asked("POST", "/", {}, b"")).body)
    assert KEY.encode() in signed_png() or "Planted" in signed_png().decode("latin-1")


def test_no_report_and_no_terminal_shows_the_key(echoing: Listener, tmp_path: Path) -> None:
    program = shutil.which("imageproof", path=str(Path(sys.executable).parent))
    assert program
    result = subprocess.run(
        [program, "check", echoing.url, "--max-images", "4", *CHEAP, "--report-dir", str(tmp_path)],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stderr
    written = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"report.json", "report.html", "report.md", "junit.xml", "run.har"} <= set(written)
    assert {name.rpartition("/")[2] for name in written} >= {"finding.md", "replay.sh", "request.body", "1.png"}
    for name, text in {"stdout": result.stdout, "stderr": result.stderr, **written}.items():
        assert not leaks(text), name
    assert MASK.encode() in written["report.json"]
    commands = [finding["evidence"]["curl"] for finding in json.loads(written["report.json"])["findings"]]
    assert any("$OPENAI_API_KEY" in command for command in commands)


def test_pytest_does_not_show_the_key(echoing: Listener, tmp_path: Path) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "contract_tests", "-p", "no:cacheprovider", "-p", "no:xdist", "-vv"),
            *("-rA", "--showlocals", "--tb=long", "--imageproof-url", echoing.url, "--imageproof-max-images", "14"),
            *("--imageproof-model", "dall-e-2"),
            *("--imageproof-report-dir", str(tmp_path), "--junitxml", str(tmp_path / "junit.xml")),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stdout
    assert b"FAILED" in result.stdout
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(MASK.encode() in text for text in written)
    for text in (result.stdout, result.stderr, *written):
        assert not leaks(text)


def test_a_picture_link_that_repeats_the_key_is_followed_as_it_came_and_shown_without(echoing: Listener) -> None:
    with asking(echoing.url, key=KEY) as provider:
        exchange = provider.send(SHORT)
    picture = exchange.pictures[0]
    assert (picture.format, picture.problem) == ("png", "")
    assert not leaks(picture.raw)
    assert MASK in picture.raw
    assert not leaks(repr(exchange.response.headers))
    assert (exchange.pictures[1].format, exchange.pictures[1].trouble) == ("png", "")  # judged as it came ...
    assert not leaks(Redactor([KEY]).data(exchange.response.body))  # ... and written without
    assert not leaks(curl(exchange))


def _answer(make: Callable[[str], Told]) -> Callable[[Asked], Told]:
    return lambda asked: make(asked.headers["authorization"].encode("latin-1").decode().removeprefix("Bearer "))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda key: Told({"error": {"message": f"{key} is unknown"}}, 401), id="a text of a 401"),
        pytest.param(lambda key: Told(f"{key} is unknown".encode(), 401), id="a body that is no JSON"),
        pytest.param(lambda key: Told({"error": {"message": f"{key}: no money"}}, 402), id="a text of a 402"),
        pytest.param(lambda key: Told({"error": {"message": 180 * "x" + key}}, 403), id="at the edge of what is cut"),
    ],
)
def test_no_exception_shows_the_key(make: Callable[[str], Told]) -> None:
    with (
        listening(_answer(make)) as server,
        asking(server.url, key=KEY) as provider,
        pytest.raises(CouldNotLook) as error,
    ):
        provider.send(create())
    assert not leaks(str(error.value))
    assert error.value.__cause__ is None


def test_an_answer_that_breaks_http_is_told_without_the_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 200 OK\r\nX-Key {KEY}\r\n\r\n".encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with asking(url, key=KEY) as provider, pytest.raises(CouldNotLook) as error:
            provider.send(create())
        thread.join(5)
    assert not leaks(str(error.value))
    assert error.value.arrived


def test_a_key_that_json_writes_with_escapes_is_found() -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    body = f'{{"error": {{"message": "{escaped}"}}}}'.encode()
    with listening(lambda _: Told(body, 400)) as server, asking(server.url, key=KEY) as provider:
        exchange = provider.send(create())
    assert exchange.response.value == {"error": {"message": MASK}}


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters=" "), min_size=8, max_size=40)
    | st.from_regex(r"\A[A-Za-z0-9\"'<>/+=_.-]{8,40}\Z"),
    st.data(),
)
def test_a_key_is_found_however_each_of_its_letters_is_written(key: str, data: st.DataObject) -> None:
    def forms(letter: str) -> list[str]:
        units = letter.encode("utf-16-be").hex()
        return [
            letter,
            "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)),
            "".join(f"%{octet:02X}" for octet in letter.encode()),
            "".join(f"%25{octet:02x}" for octet in letter.encode()),
            *(
                [html.escape(letter), f"\\{letter}", f"\\\\x{ord(letter):02x}"]
                if not letter.isalnum() and letter < "\x7f"
                else []
            ),
            f"&#{ord(letter)};",
            f"&#x{ord(letter):x};",
        ]

    written = "".join(data.draw(st.sampled_from(forms(letter))) for letter in key)
    before, after = data.draw(st.text(max_size=4)), data.draw(st.text(max_size=4))
    redactor = Redactor([key])
    assert redactor.text(f"[{written}]") == f"[{MASK}]"
    assert redactor.data(f"[{written}]".encode()) == f"[{MASK}]".encode()
    told = redactor.text(base64.b64encode(f"{before}{key}{after}".encode(errors="replace")).decode())
    assert MASK in told


def test_a_picture_without_the_key_stays_as_it_is() -> None:
    data = signed_png().replace(b"made for", b"made 4or")
    assert Redactor(["sk-of-somebody-else"]).data(data) == data


def test_sensitive_headers_are_masked_whole_and_a_url_loses_its_password() -> None:
    redactor = Redactor([KEY])
    assert redactor.headers({"Set-Cookie": "session=1", "x-ok": "fine"}) == {"Set-Cookie": MASK, "x-ok": "fine"}
    assert redactor.text("see https://me:secret@host.example/p") == "see https://host.example/p"


def test_a_word_of_a_few_letters_is_no_secret() -> None:
    """Or every answer would be full of holes."""
    assert Redactor(["any"]).text("any picture of many") == "any picture of many"


def test_what_is_learned_is_bounded_and_what_is_of_one_exchange_is_not_remembered() -> None:
    redact = Redactor([KEY])
    for number in range(200):
        redact.learn(["sk-used-again-and-again", f"sk-fleeting-{number:03}"])
    once = redact.also(["cookie-of-one-answer"])
    assert once.text("sk-used-again-and-again sk-fleeting-199 cookie-of-one-answer") == f"{MASK} {MASK} {MASK}"
    assert redact.text(f"cookie-of-one-answer sk-fleeting-000 {KEY}") == f"cookie-of-one-answer sk-fleeting-000 {MASK}"


def test_what_a_message_carries_as_a_key_is_learned_whatever_it_is_called() -> None:
    headers = {
        "Authorization": "Basic " + base64.b64encode(b"me:hunter2-hunter2").decode(),
        "X-Own-Api-Key": "own-0123456",
        "cookie": "a=cookie-one; b=cookie-two",
        "Set-Cookie": "s=session-1; Domain=.example.com; Path=/",
        "Accept": "image/png",
    }
    told = set(secrets_of(headers.items(), {"key": "AIza0123", "async": "true"}.items()))
    assert told >= {"hunter2-hunter2", "own-0123456", "cookie-one", "cookie-two", "session-1", "AIza0123"}
    assert not told & {".example.com", "/", "image/png", "true"}
    assert list(secrets_of([("Authorization", "Bearer"), ("authorization", "sk-naked")])) == ["sk-naked"]
    body = b'{"api_key": "in-json-1", "key": "a word", "message": "no sk-proj_0123456789-0123456789!"}'
    assert list(secrets_in(body)) == ["in-json-1", "sk-proj_0123456789-0123456789"]
    assert list(secrets_in(b"key=in%20a+query&user=me&api_key=second")) == ["in a query", "second"]
    assert list(secrets_in(b'; name="token"\r\n\r\nin-a-form\r\n--x')) == ["in-a-form"]
    named = b'{"clientSecret": "own-secret-2", "x-access_token": "own-token", "token": "tok-11", "pwd": "word-3"}'
    assert set(secrets_in(named)) == {"own-secret-2", "own-token", "tok-11", "word-3"}
    nothing = b'{"token": "Hello,", "next_token": "A fox", "key": "flux-1-dev", "tokens": "many-99", "id": "task-%s"}'
    assert not list(secrets_in(nothing % (b"0123456789" * 3)))


def test_a_word_that_somebody_uses_for_a_key_is_masked_where_it_stands_alone() -> None:
    redact = Redactor()
    redact.learn(["picture", "sk-0123456"])
    assert redact.text("the picture of /pictures/ and a picture-book: sk-0123456") == (
        "the <key> of /pictures/ and a picture-book: <key>"
    )
    redact.learn(["openai"])
    for host in ("https://api.openai.com/v1/openai", "openai.example", "the.openai"):
        assert redact.url(host) == host
    assert redact.text("made by OpenAI.") == "made by <key>."
    assert redact.url("/v1/x?token=abc&size=1&key=") == "/v1/x?token=<key>&size=1&key=<key>"
