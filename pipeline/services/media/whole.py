"""Whether all of a recording could be decoded, as far as its file can tell.

A file may lack its end (the recorder died, the copy broke off) or have a hole: what is there is read, and that a part
is missing is said. Of MP3 without a Xing header, ADTS, AMR and headerless audio that end early nothing tells it.
"""

import re
import struct
from pathlib import Path

from pipeline.services.media.confined import Container

TOLERANCE = 0.5  # seconds; of 40 whole files in 33 formats none was decoded 0.1 s shorter than it announces
PADDING = 1  # bytes that a RIFF may count and not have
LAST_PAGE = 64 * 1024  # bytes of the largest page of an Ogg
END_OF_STREAM = 4
UNKNOWN_SIZES = range(0x7F000000, 0x100000000)  # what recorders write that do not know yet, by their different habits

# What a demuxer or decoder has to complain about. (Pictures in a tag are not opened: they are no sound.)
COMPLAINT = re.compile(r"^\[\S+ @ .*\[(?:error|fatal)\] (?!Codec .* not on whitelist)", re.MULTILINE)
ANNOUNCED = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
STREAM = re.compile(r"Stream #0:\d.*: (?:Audio|Video)(?!.*attached pic)")
GUESSED = "Estimating duration"


def is_damaged(path: Path, container: Container, said: str, duration: float) -> bool:
    """Whether a part of a recording is missing, of which ffmpeg ``said`` this and decoded ``duration`` seconds."""
    announced = _announced(said)
    shorter = announced is not None and duration < announced - TOLERANCE
    return shorter or bool(COMPLAINT.search(said)) or _is_cut_off(path, container)


def _announced(said: str) -> float | None:
    """How many seconds a file says that it has, if it does, and has nothing but sound: a film may be longer."""
    opened = said.partition("Stream mapping:")[0]
    found = ANNOUNCED.search(opened)
    if not found or GUESSED in opened or len(STREAM.findall(opened)) != 1:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _is_cut_off(path: Path, container: Container) -> bool:
    """Whether a file ends before its own end; of those formats whose length ffmpeg takes from the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(24)
        if container.demuxer == "ogg":
            file.seek(max(size - LAST_PAGE, 0))
            pages = file.read().rpartition(b"OggS")[2]
            return len(pages) > 1 and not pages[1] & END_OF_STREAM
    if head[:4] == b"RIFF" and len(head) >= 8:
        (stated,) = struct.unpack_from("<I", head, 4)
        return stated not in UNKNOWN_SIZES and stated + 8 > size + PADDING
    if container.demuxer == "w64" and len(head) == 24:
        return int(struct.unpack_from("<Q", head, 16)[0]) > size
    return False
