"""Uploads through the real web server: in flat memory, whole or not at all, refused while they come in."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from tests.serving import Web, web_server
from webapp import bodies
from webapp.bodies import WholeBodies
from webapp.stack import environment
from webapp.stack.home import home

MEGABYTE = 1024 * 1024
LIMIT, ROOM_FOR_BUFFERS = 120 * MEGABYTE, 30 * MEGABYTE
ADDRESS = "/api/v1/conversations/"
BOUNDARY = "frontier"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'.encode()
FIELD = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="agent"\r\n\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps blobs, keys and temporary files."""
    path = tmp_path_factory.mktemp("uploads")
    (path / "tmp").mkdir()
    return path


@pytest.fixture(scope="module")
def web(database_url: str, folder: Path) -> Iterator[Web]:
    """The server, warm."""
    places = {
        "PARLEY_BLOB_URL": f"file://{folder}/blobs", "PARLEY_KEY_URL": f"file://{folder}/keys",
        "TMPDIR": str(folder / "tmp"), "PARLEY_MAX_UPLOAD_BYTES": str(LIMIT),
    }  # fmt: skip
    with web_server(environment.embedded(home()) | places) as server:
        for number in range(3):
            assert send(server, audio(1, b"%d" % number)).status_code == 201
        yield server


def audio(megabytes: int, seed: bytes) -> Iterator[bytes]:
    """Bytes that are not all alike; the same for the same seed."""
    yield seed
    for number in range(megabytes):
        yield number.to_bytes(4, "big") * (MEGABYTE // 4)


def send(web: Web, chunks: Iterator[bytes], **headers: str) -> httpx.Response:
    """Send a call whose length nobody knows, in chunks."""

    def form() -> Iterator[bytes]:
        yield HEAD
        yield from chunks
        yield TAIL

    content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return httpx.post(web.url + ADDRESS, headers={**web.headers, **content_type, **headers}, content=form(), timeout=60)


def left_behind(web: Web, folder: Path) -> list[str]:
    """Files, with a name or without, that the server has in the folder of temporary files or is writing to the store."""
    opened = []
    for process in web.processes:
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                opened.append(os.readlink(link))
            except FileNotFoundError:  # closed meanwhile
                continue
    unnamed = [path for path in opened if path.startswith(str(folder / "tmp" / "#"))]
    return unnamed + [str(path) for place in ("tmp", "blobs/tmp") for path in (folder / place).iterdir()]


def blobs(folder: Path) -> set[Path]:
    return {path for path in (folder / "blobs").rglob("*") if path.is_file()}


def test_a_large_file_needs_no_more_memory_than_a_small_one(web: Web) -> None:
    peaks = []
    for megabytes in (10, 100):
        before, samples = web.resident(), []

        def watched(chunks: Iterator[bytes], samples: list[int] = samples) -> Iterator[bytes]:
            for chunk in chunks:
                samples.append(web.resident())
                yield chunk

        assert send(web, watched(audio(megabytes, b"memory"))).status_code == 201
        peaks.append(max(*samples, web.resident()) - before)
    assert max(peaks) < ROOM_FOR_BUFFERS, peaks


def test_bytes_in_chunks_are_the_call_that_they_are_at_once(web: Web) -> None:
    in_chunks = send(web, audio(2, b"same"), **{"Idempotency-Key": "same"}).json()
    whole = b"".join(audio(2, b"same"))
    at_once = httpx.post(web.url + ADDRESS, headers=web.headers, files={"audio": ("b.wav", whole)}).json()
    assert (at_once["id"], at_once["duplicate"]) == (in_chunks["id"], True)
    again = send(web, audio(2, b"same"), **{"Idempotency-Key": "same"})
    assert (again.status_code, again.json()) == (201, in_chunks)


def test_a_file_that_is_too_large_is_refused_while_it_comes_in(web: Web, folder: Path) -> None:
    sent, before = [], blobs(folder)

    def too_much() -> Iterator[bytes]:
        for chunk in audio(4 * LIMIT // MEGABYTE, b"too much"):
            sent.append(len(chunk))
            yield chunk

    answer = send(web, too_much())
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert sum(sent) < 2 * LIMIT  # what had been on its way when the limit was reached
    assert left_behind(web, folder) == []
    assert blobs(folder) == before


def test_a_file_that_says_it_is_too_large_is_refused_unread(web: Web, folder: Path) -> None:
    with connected(web, f"Content-Length: {2 * LIMIT}") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert left_behind(web, folder) == []


WHOLE = HEAD + b"sound" + FIELD + b"Emily" + TAIL
BROKEN_OFF = {
    "within the file": (HEAD + b"x" * 2 * MEGABYTE, f"Content-Length: {10 * MEGABYTE}"),
    "within a field after it": (WHOLE[: -len(TAIL) - 2], f"Content-Length: {len(WHOLE)}"),
    "within the last boundary": (WHOLE[:-3], f"Content-Length: {len(WHOLE)}"),
    "between chunks": (b"%x\r\n%b\r\n" % (len(HEAD) + 5, HEAD + b"sound"), "Transfer-Encoding: chunked"),
    "within a chunk": (b"%x\r\n%b" % (9 * MEGABYTE, HEAD + b"x" * 2 * MEGABYTE), "Transfer-Encoding: chunked"),
    "before the end of the chunks": (b"%x\r\n%b\r\n" % (len(WHOLE), WHOLE), "Transfer-Encoding: chunked"),
    "in what is no chunk": (b"%x\r\n%b\r\nno number\r\n" % (len(HEAD), HEAD), "Transfer-Encoding: chunked"),
}


@pytest.mark.parametrize(("sent", "length"), BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_an_upload_that_breaks_off_is_no_call_and_leaves_nothing(
    web: Web, folder: Path, sent: bytes, length: str
) -> None:
    before = blobs(folder)
    with connected(web, length) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"request_cut_off" in answer
    assert left_behind(web, folder) == []
    assert blobs(folder) == before


def connected(web: Web, length: str) -> socket.socket:
    """A connection on which the head of an upload has been sent."""
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=30)
    lines = (
        f"POST {ADDRESS} HTTP/1.1", "Host: localhost", f"Authorization: Token {web.token}", "Connection: close",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}", length, "", "",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    return connection


def test_a_sender_that_falls_silent_is_not_waited_for_long(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.05)
    here, there = socket.socketpair()
    with here, there, here.makefile("rb") as stream:
        there.sendall(b"abc")
        application = WholeBodies(lambda environ, _start: [environ["wsgi.input"].read(5)], most=10)
        with pytest.raises(TimeoutError):
            application({"CONTENT_LENGTH": "5", "wsgi.input": stream, "gunicorn.socket": here}, print)


def test_a_connection_that_was_not_used_for_a_while_still_serves(web: Web) -> None:
    with closing(HTTPConnection("127.0.0.1", web.port, timeout=30)) as connection:
        connection.auto_open = False  # or it would connect again without a word
        connection.connect()
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        hung_up, _, _ = select.select([connection.sock], [], [], 3)
        assert not hung_up
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
