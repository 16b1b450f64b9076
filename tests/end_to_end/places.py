"""Every place to which something that was said, or written of a call, could have gone: each with its text.

What is packed (base64 in the messages of a broker, hex in a dump of the database) is there unpacked as well.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg

from conversations.services.dumps import folders, version_of
from tests.running import PASSWORD
from tests.unpacked import unpacked

# An id is chance from end to end, and one of its parts is soon the end of a card number.
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
CALL_PARTS = ("transcript", "entities", "events", "tags", "peaks", "runs")
CHANCE_CHARS = 6  # megabytes of sound or sealed bytes have so few characters by chance


class Place(NamedTuple):
    """Where, and what is there."""

    where: str
    text: str


class Hit(NamedTuple):
    """Something that should be nowhere, with what stands around it."""

    where: str
    around: str


def hits(places: Iterable[Place], pattern: re.Pattern[str]) -> list[Hit]:
    """Where a pattern is found. Fails when there was nothing to look at."""
    looked, found = 0, []
    for where, packed in places:
        for text in (packed, *unpacked(packed)):
            text = UUID.sub("an id", text)
            looked += len(text)
            found += [
                Hit(where, text[max(0, hit.start() - 60) : hit.end() + 30])
                for hit in pattern.finditer(text)
                if not (len(hit.group()) < CHANCE_CHARS and "\ufffd" in text)
            ]
    assert looked > 1000
    return found


def tables(database_url: str) -> Iterator[Place]:
    """Every row of every table, the words of the search index among them, as text."""
    with psycopg.connect(database_url) as database:
        names = database.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (name,) in names:
            for (row,) in database.execute(f"select t::text from {name} t").fetchall():  # noqa: S608 (our own tables)
                yield Place(f"table {name}", row)


def dump(database_url: str) -> Iterator[Place]:
    """What pg_dump writes."""
    programs = [path for folder in folders() if os.access(path := folder / "pg_dump", os.X_OK)]
    newest = max(programs, key=version_of)  # an older one refuses the server
    command = [str(newest), f"--dbname={database_url}", "--format=plain"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    yield Place("pg_dump", written)


def files(home: Path, *folders: str) -> Iterator[Place]:
    """Every blob, log, and file of the broker; raw blobs are there too, sealed."""
    for folder in folders:
        for path in [home / folder, *(home / folder).rglob("*")]:
            if path.is_file():
                yield Place(f"file {path.relative_to(home)}", path.read_bytes().decode("utf-8", "replace"))


def arguments() -> Iterator[Place]:
    """What every process was started with."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    yield Place("process arguments", "\n".join(line for line in listed.stdout.splitlines() if "pytest" not in line))


def answers(browser: httpx.Client, *pages: str) -> Iterator[Place]:
    """These pages, and every page and every answer of the API about every call, in English and in French."""
    calls = browser.get("/api/v1/conversations/?page_size=100").json()["results"]
    paths = ["/", "/?q=refund", "/docs/events/", "/api/v1/conversations/", "/api/v1/search/?q=refund", *pages]
    for call in calls:
        api = f"/api/v1/conversations/{call['id']}"
        paths += [f"/conversations/{call['id']}/", f"/conversations/{call['id']}/compare/", f"{api}/"]
        paths += [f"{api}/{part}/" for part in CALL_PARTS]
        paths += [f"{api}/transcript/?format={form}" for form in ("txt", "srt", "vtt")]
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code in (200, 409), path  # 409: a call that failed has no transcript
        yield Place(f"page {path}", answer.text)


@contextmanager
def signed_in(url: str, username: str = "admin") -> Iterator[httpx.Client]:
    """A browser in which somebody has signed in."""
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as browser:
        send(browser, "/accounts/login/", {"username": username, "password": PASSWORD})
        assert "sessionid" in browser.cookies
        yield browser


def send(browser: httpx.Client, path: str, fields: dict[str, str], **more: object) -> httpx.Response:
    """Fill in the form of a page, and send it there."""
    page = browser.get(path)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, path
    return browser.post(
        path, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": str(page.url)}, **more
    )
