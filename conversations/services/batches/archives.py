"""Zips of calls, read with distrust: sizes are counted and not believed, and what is odd is refused by name."""

import hmac
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

from conversations.services.batches.reasons import Reason
from conversations.services.batches.salvage import whole_members
from conversations.services.spool import SpooledFile
from pipeline.config import config
from pipeline.storage import CHUNK

READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for any amount of memory
ENCRYPTED = 0x1
MOST_GROWTH = 20  # recordings seldom shrink to a quarter; a bomb to a thousandth
LISTED, STARTS = b"PK\x01\x02", (b"PK\x03\x04", b"PK\x05\x06")
JUNK = {"thumbs.db", "desktop.ini"}

BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, OverflowError, struct.error, NotImplementedError,
    RuntimeError,
)  # fmt: skip
"""What ``zipfile`` raises over hostile bytes."""


class EntryRefused(Exception):
    """Raised when a file in a zip is not taken in."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class ArchiveTooLarge(Exception):
    """Raised when a zip unpacks to more than it may."""


class Entry(NamedTuple):
    """A file in a zip, with the reason for which it is refused unread ("" = none)."""

    name: str
    chunks: Callable[[], Iterator[bytes]]
    refusal: str = ""


class Archive(NamedTuple):
    """The files of a zip without directories and junk; ``problem`` says what is wrong with the whole ("" = nothing)."""

    entries: list[Entry]
    problem: str = ""


class Budget:
    """How many bytes a zip may still unpack to."""

    def __init__(self, file: IO[bytes]) -> None:
        self.left = max(config().max_upload_bytes, MOST_GROWTH * file.seek(0, 2))

    def spend(self, size: int) -> None:
        """Count unpacked bytes. Raises ArchiveTooLarge."""
        self.left -= size
        if self.left < 0:
            raise ArchiveTooLarge


def is_archive(name: str) -> bool:
    """Whether a file is called as zips are. (Office documents are zips too, and hold no calls.)"""
    return name.lower().endswith(".zip")


def read_archive(file: IO[bytes]) -> Archive:
    """List a zip. One whose directory is lost or lies is read from its start, as far as it goes."""
    if lists_too_much(file):
        return Archive([], Reason.ARCHIVE_LISTS_TOO_MUCH)
    try:
        archive = zipfile.ZipFile(file)
    except BROKEN:
        entries = [entry(each.name, each.chunks, each.flags, each.method) for each in whole_members(file)]
        return Archive(wanted(entries), Reason.ARCHIVE_CUT_OFF if entries else Reason.ARCHIVE_DAMAGED)
    entries = wanted([listed_entry(archive, info) for info in archive.infolist()])
    return Archive(entries, "" if entries else Reason.ARCHIVE_EMPTY)


def lists_too_much(file: IO[bytes]) -> bool:
    """Whether a zip may list far more files than a batch holds: ``zipfile`` would hold every line in memory."""
    most, found, tail = 4 * config().max_batch_files + 1000, 0, b""
    file.seek(0)
    while chunk := file.read(CHUNK):
        found += (tail + chunk).count(LISTED)
        tail = chunk[1 - len(LISTED) :]
        if found > most:
            return True
    return False


def listed_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    """A file as the zip's directory lists it."""

    def chunks() -> Iterator[bytes]:
        with archive.open(info) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    link = stat.S_ISLNK(info.external_attr >> 16)
    return entry(info.filename, chunks, info.flag_bits, info.compress_type, link)


def entry(name: str, chunks: Callable[[], Iterator[bytes]], flags: int, method: int, link: bool = False) -> Entry:
    """A file with the first reason to refuse it."""
    refusals = (
        (link, Reason.MEMBER_IS_LINK),
        (flags & ENCRYPTED, Reason.MEMBER_ENCRYPTED),
        (method not in READABLE, Reason.MEMBER_METHOD),
        (is_archive(name), Reason.MEMBER_IS_ARCHIVE),
    )
    return Entry(name, chunks, next((reason for holds, reason in refusals if holds), ""))


def wanted(entries: list[Entry]) -> list[Entry]:
    """The files that people put there: no directories, and nothing that a system left beside them."""
    return [each for each in entries if not is_directory(each.name) and not is_junk(each.name)]


def is_directory(name: str) -> bool:
    """Whether a name in a zip is a directory's."""
    return name.endswith(("/", "\\"))


def is_junk(name: str) -> bool:
    """Whether a file was left by a system: a Mac's doubles, dot files, Windows' thumbnails."""
    parts = name.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or "__MACOSX" in parts or parts[-1].lower() in JUNK


@contextmanager
def unpacked(entry: Entry, budget: Budget, digest: hmac.HMAC, most: int | None = None) -> Iterator[SpooledFile]:
    """A private file with the bytes of a file in a zip, which ``digest`` is fed with; gone when the block ends.

    Raises EntryRefused for one that is damaged, is a zip itself or is larger than ``most`` (default: an upload's
    limit), ArchiveTooLarge when the zip has unpacked to more than it may, StorageError when the disk does not take it.
    """
    most, size = config().max_upload_bytes if most is None else most, 0
    with SpooledFile(entry.name, digest) as file:
        for chunk in readable(entry):
            size += len(chunk)
            budget.spend(len(chunk))
            if size > most:
                raise EntryRefused(Reason.FILE_TOO_LARGE)
            file.append(chunk)
        file.seek(0)
        if file.read(4) in STARTS:
            raise EntryRefused(Reason.MEMBER_IS_ARCHIVE)
        yield file


def readable(entry: Entry) -> Iterator[bytes]:
    """The bytes of a file in a zip. Raises EntryRefused."""
    if entry.refusal:
        raise EntryRefused(Reason(entry.refusal))
    try:
        yield from entry.chunks()
    except BROKEN:
        raise EntryRefused(Reason.MEMBER_DAMAGED) from None
