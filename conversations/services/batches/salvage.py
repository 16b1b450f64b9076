"""The whole members of a zip without a directory, as after a download that broke off.

A zip is a row of members, each behind a local header, and a directory at the end (APPNOTE.TXT 6.3, sections 4.3.7 to
4.3.9). Where a header leaves size and checksum to the descriptor behind the data (bit 3, as a Mac's zips do), the
descriptor is looked for: it is the one whose size is its distance.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple
from zipfile import ZIP_STORED, BadZipFile

from pipeline.storage import CHUNK

HEADER = struct.Struct("<4s2x2H4x3I2H")  # signature, flags, method, checksum, two sizes, lengths of name and extra
DESCRIPTOR = struct.Struct("<4s2I")  # signature, checksum, compressed size
SIZE_IS_BEHIND, NAME_IS_UTF8 = 0x8, 0x800


class Whole(NamedTuple):
    """A member that lies whole in the file."""

    name: str
    flags: int
    method: int
    chunks: Callable[[], Iterator[bytes]]


def whole_members(file: IO[bytes]) -> Iterator[Whole]:
    """The members from the start of a zip up to the first that is damaged or cut off."""
    end, offset = file.seek(0, 2), 0
    while header := read_header(file, offset):
        _signature, flags, method, checksum, size, _full_size, name_length, extra_length = header
        name = file.read(name_length)
        start = offset + HEADER.size + name_length + extra_length
        following = start + size
        if flags & SIZE_IS_BEHIND:
            found = find_descriptor(file, start)
            if found is None:
                return
            checksum, size, following = found
        if start + size > end:
            return
        text = name.decode("utf-8" if flags & NAME_IS_UTF8 else "cp437", "replace")
        yield Whole(text, flags, method, member_chunks(file, start, size, method, checksum))
        offset = following


def read_header(file: IO[bytes], offset: int) -> tuple[bytes, int, int, int, int, int, int, int] | None:
    """The local header at an offset, if there is one."""
    file.seek(offset)
    data = file.read(HEADER.size)
    if len(data) < HEADER.size or not data.startswith(b"PK\x03\x04"):
        return None
    return HEADER.unpack(data)


def find_descriptor(file: IO[bytes], start: int) -> tuple[int, int, int] | None:
    """Checksum, size, and the offset behind the descriptor of the data that begins at ``start``."""
    file.seek(start)
    position, buffer = start, b""
    while chunk := file.read(CHUNK):
        buffer += chunk
        place = buffer.find(b"PK\x07\x08")
        while place >= 0 and len(buffer) >= place + 16:
            _signature, checksum, size = DESCRIPTOR.unpack_from(buffer, place)
            if size == position + place - start:
                return checksum, size, position + place + 16
            place = buffer.find(b"PK\x07\x08", place + 1)
        keep = min(len(buffer), 16) if place < 0 else len(buffer) - place
        position, buffer = position + len(buffer) - keep, buffer[len(buffer) - keep :]
    return None


def member_chunks(file: IO[bytes], start: int, size: int, method: int, checksum: int) -> Callable[[], Iterator[bytes]]:
    """What reads a stored or deflated member; the checksum is known good only at the end. Raises BadZipFile."""

    def chunks() -> Iterator[bytes]:
        actual = 0
        stored = stored_chunks(file, start, size)
        for chunk in stored if method == ZIP_STORED else inflated(stored):
            actual = zlib.crc32(chunk, actual)
            yield chunk
        if actual != checksum:
            raise BadZipFile

    return chunks


def stored_chunks(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """The bytes of a stretch of a file."""
    while size > 0:
        file.seek(start)
        chunk = file.read(min(CHUNK, size))
        if not chunk:
            raise BadZipFile
        yield chunk
        start, size = start + len(chunk), size - len(chunk)


def inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A deflate stream opened, a chunk's worth of memory at a time. Raises zlib.error, BadZipFile."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in chunks:
        pending = chunk
        while pending and not stream.eof:
            yield stream.decompress(pending, CHUNK)
            pending = stream.unconsumed_tail
    if not stream.eof:
        raise BadZipFile
