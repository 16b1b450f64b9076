"""A manifest: a CSV table that says of each file of a batch what is known of its call.

Columns ``file`` (needed), ``external_id``, ``language``, ``started_at``, ``agent``, ``channels``; every other column
is metadata. Cells are separated by comma, semicolon or tab; the text is UTF-8, or else Windows-1252.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import datetime, time
from typing import NamedTuple

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from conversations.services.batches.reasons import Reason
from conversations.services.calls import CallDetails
from conversations.services.roles import RolesRefused, roles_of
from pipeline.config import config

MOST_BYTES = 8 * 1024 * 1024
LONGEST_AGENT, LONGEST_EXTERNAL_ID = 100, 200  # the first is a column's width
COLUMNS = ("file", "external_id", "language", "started_at", "agent", "channels")


class ManifestRefused(Exception):
    """Raised when a manifest cannot be read at all."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class BadCell(Exception):
    """Raised when a cell of a line holds what its column cannot take."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Line(NamedTuple):
    """A line of a manifest, numbered from 1 (the column names). With a ``problem``, its file is not taken in."""

    number: int
    file: str
    details: CallDetails
    problem: str = ""


class Manifest:
    """The lines of a manifest, and which file each of them speaks of."""

    def __init__(self, lines: Collection[Line] = ()) -> None:
        self.lines = tuple(lines)
        usable = [line for line in lines if line.file and line.problem != Reason.LINE_REPEATS_FILE]
        self._by_path = {line.file: line for line in usable}
        self._by_name: dict[str, Line | None] = {}
        for line in usable:
            name = base_name(line.file)
            self._by_name[name] = None if name in self._by_name else line  # None: two lines could mean it

    def line_for(self, path: str) -> Line | None:
        """The line of a file: that of its path, or else the only one of its name."""
        path = tidy_path(path)
        return self._by_path.get(path) or self._by_name.get(base_name(path))


def read_manifest(data: bytes, languages: Collection[str]) -> Manifest:
    """Read a manifest; ``languages`` are those that calls may be in. Raises ManifestRefused.

    What is wrong with one line is that line's problem and leaves the others alone.
    """
    if len(data) > MOST_BYTES:
        raise ManifestRefused(Reason.MANIFEST_TOO_LARGE)
    text = decode(data)
    try:
        rows = numbered_rows(text)
        _number, header = next(rows, (0, []))
        columns = [cell.strip().lower() for cell in header]
        while columns and not columns[-1]:  # spreadsheets end lines with empty cells
            columns.pop()
        check_columns(columns)
        return Manifest(read_lines(columns, rows, languages))
    except csv.Error:
        raise ManifestRefused(Reason.MANIFEST_UNREADABLE) from None


def decode(data: bytes) -> str:
    """The text of a manifest. Raises ManifestRefused."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ManifestRefused(Reason.MANIFEST_UNREADABLE)


def numbered_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its first line. Raises csv.Error."""
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    for row in reader:
        if any(cell.strip() for cell in row):
            yield before + 1, row
        before = reader.line_num


def check_columns(columns: list[str]) -> None:
    """Raises ManifestRefused when these are not the columns of a manifest."""
    if "file" not in columns:
        raise ManifestRefused(Reason.MANIFEST_NO_FILE_COLUMN)
    if len(set(columns)) < len(columns):
        raise ManifestRefused(Reason.MANIFEST_REPEATS_COLUMN)


def read_lines(columns: list[str], rows: Iterator[tuple[int, list[str]]], languages: Collection[str]) -> list[Line]:
    """The lines under the column names. Raises ManifestRefused when there are more than a batch holds files."""
    lines: list[Line] = []
    named: set[str] = set()
    for number, row in rows:
        line = read_line(number, columns, row, languages)
        if line.file and line.file in named:
            line = line._replace(problem=Reason.LINE_REPEATS_FILE)
        named.add(line.file)
        lines.append(line)
        if len(lines) > config().max_batch_files:
            raise ManifestRefused(Reason.MANIFEST_TOO_LARGE)
    return lines


def read_line(number: int, columns: list[str], row: list[str], languages: Collection[str]) -> Line:
    """One line, or its problem."""
    cells = {column: cell.strip() for column, cell in zip(columns, row, strict=False)}
    file = tidy_path(cells["file"]) if cells.get("file") else ""
    if not file:
        return Line(number, "", CallDetails(), Reason.LINE_NAMES_NO_FILE)
    if any(cell.strip() for cell in row[len(columns) :]):
        return Line(number, file, CallDetails(), Reason.LINE_TOO_LONG)
    try:
        return Line(number, file, read_details(cells, languages))
    except BadCell as bad:
        return Line(number, file, CallDetails(), bad.reason)


def read_details(cells: dict[str, str], languages: Collection[str]) -> CallDetails:
    """What a line says of its call. Raises BadCell."""
    agent, external_id = cells.get("agent", ""), cells.get("external_id", "")
    if len(agent) > LONGEST_AGENT:
        raise BadCell(Reason.LINE_BAD_AGENT)
    if len(external_id) > LONGEST_EXTERNAL_ID:
        raise BadCell(Reason.LINE_BAD_EXTERNAL_ID)
    return CallDetails(
        external_id=external_id,
        language=read_language(cells.get("language", ""), languages),
        started_at=read_date(cells.get("started_at", "")),
        agent=agent,
        channels=read_channels(cells.get("channels", "")),
        metadata={name: cell for name, cell in cells.items() if cell and name and name not in COLUMNS},
    )


def read_language(text: str, languages: Collection[str]) -> str:
    """A language code, "" for none; a regional one (``fr-CA``) counts as its language. Raises BadCell."""
    code = re.split("[-_]", text.lower())[0]
    if code and code not in languages:
        raise BadCell(Reason.LINE_BAD_LANGUAGE)
    return code


def read_date(text: str) -> datetime | None:
    """A moment in ISO 8601; without a zone in that of the installation, without a time at midnight. Raises BadCell."""
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time.min)
    except ValueError:  # well written, but there is no such day
        moment = None
    if moment is None:
        raise BadCell(Reason.LINE_BAD_DATE)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def read_channels(text: str) -> tuple[str, ...]:
    """Who speaks on each channel. Raises BadCell."""
    try:
        return roles_of(text)
    except RolesRefused:
        raise BadCell(Reason.LINE_BAD_CHANNELS) from None


def tidy_path(path: str) -> str:
    """A path as it is compared: forward slashes, composed accents (a Mac's zips have them apart), no ``./``."""
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/")).removeprefix("./")


def base_name(path: str) -> str:
    """The last part of a tidy path."""
    return path.rpartition("/")[2]
