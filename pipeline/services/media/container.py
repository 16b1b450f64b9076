"""Which container a file is, by its own first bytes.

ffmpeg is told the demuxer, so that it never chooses one by content or name: its guesses include formats that open
other files and addresses (hls, dash, concat), and those have no place on the list here. Only of a file without a header
the name is asked, for a hint: ``headerless``.
"""

import re
import struct
from itertools import pairwise
from pathlib import Path

from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure
from pipeline.services.media.confined import Container
from pipeline.services.media.headerless import by_frames, by_name, by_sound

HEAD = 4096
MANY_LETTERS = 8
LEAST_FRAME = 24  # bytes

# Offset, bytes, and the demuxer of ffmpeg that reads such a file.
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"#!AMR", "amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"NIST_1A\n", "nistsphere"),
    (0, b"#!iLBC", "ilbc"),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (4, b"wide", "mov"),
)
WAVE_CHUNKS = (b"RIFF", b"RF64", b"BW64")
WAVE_FORMAT = struct.Struct("<HHI6xH")  # format tag, channels, sample rate, bits a sample
WAVE_EXTENSIBLE = 0xFFFE  # the tag proper is then further back
WAVE_ENCODINGS = {  # format tag and bits a sample, and the demuxer that reads such samples
    (1, 8): "u8", (1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le", (3, 64): "f64le",
    (6, 8): "alaw", (7, 8): "mulaw",
}  # fmt: skip
PLAYLISTS = (b"#extm3u", b"[playlist]", b"[reference]", b"ffconcat", b"<mpd", b"<smil", b"<asx", b"<playlist")


def container_of(path: Path, hint: str = "") -> Container:
    """How ffmpeg is to read a file. ``hint`` is the media type that its name suggests, asked if there is no header.

    Raises ExpectedFailure: AUDIO_EMPTY (no byte), AUDIO_IS_PLAYLIST (a list of other files), AUDIO_UNSUPPORTED,
    STORAGE_UNAVAILABLE (no room to listen to a headerless file).
    """
    head, tagged = _head(path)
    framed = _by_frame(head) or (Container("mp3") if tagged else None)
    container = _by_magic(head) or _by_chunks(head) or (framed if tagged or _repeats(head) else None)
    if not container and not _is_text(head):
        container = by_frames(head, hint) or by_name(path, hint) or by_sound(path, hint) or framed
    if not container:
        raise ExpectedFailure(FailureCode.AUDIO_UNSUPPORTED, "The file is in no audio format that Parley reads.")
    return container


def _head(path: Path) -> tuple[bytes, bool]:
    """The first bytes of a file behind its ID3 tag, and whether it has one. Raises ExpectedFailure."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        if not head:
            raise ExpectedFailure(FailureCode.AUDIO_EMPTY, "The file has no content.")
        if _is_playlist(head):
            raise ExpectedFailure(FailureCode.AUDIO_IS_PLAYLIST, "The file is a playlist, not a recording.")
        tag = _id3_size(head)
        if tag:
            file.seek(tag)
            head = file.read(HEAD)
    return head, bool(tag)


def _by_magic(head: bytes) -> Container | None:
    for offset, magic, demuxer in MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return Container(demuxer) if demuxer != "wav" or head[:4] in WAVE_CHUNKS else None
    return None


def _by_chunks(head: bytes) -> Container | None:
    """A WAV whose beginning is lost or spoilt, or stands behind something else: samples as its format chunk says."""
    form, data = head.find(b"fmt "), head.find(b"data")
    if form < 0 or data < form + 8 + WAVE_FORMAT.size:
        return None
    tag, channels, rate, bits = WAVE_FORMAT.unpack_from(head, form + 8)
    if tag == WAVE_EXTENSIBLE:
        tag = int.from_bytes(head[form + 32 : form + 34], "little")
    demuxer = WAVE_ENCODINGS.get((tag, bits))
    if not demuxer or not channels or not 4000 <= rate <= 192_000:
        return None
    return Container(demuxer, {"skip_initial_bytes": data + 8, "ar": rate, "ac": channels})


def _by_frame(head: bytes) -> Container | None:
    """ADTS and MPEG audio have no file header, only frames; some encoders put zeros before the first."""
    frame = head.lstrip(b"\0")[:4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    if frame[1] & 0xF6 == 0xF0:
        return Container("aac")
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    bitrate, rate = frame[2] >> 4, frame[2] >> 2 & 3
    reserved = version == 1 or layer == 0 or bitrate == 15 or rate == 3
    return None if reserved else Container("mp3")


def _repeats(head: bytes) -> bool:
    """Whether frames follow one another. Samples may look like the start of one, and in silence like that of many."""
    frames = head.lstrip(b"\0")
    starts = [match.start() for match in re.finditer(re.escape(frames[:2]), frames)]
    starts = [start for start in starts if frames[start + 2 : start + 3] and not (frames[start + 2] ^ frames[2]) & 0x0C]
    return len(starts) >= 3 and all(after - before >= LEAST_FRAME for before, after in pairwise(starts))


def _is_text(head: bytes) -> bool:
    """Whether a file looks written; audio has as many bytes above 127 as below. (A-law's silence may be all "U".)"""
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
    if len(set(head)) < MANY_LETTERS:
        return False
    return printable > 0.85 * len(head) or _is_utf8(head)


def _is_utf8(head: bytes) -> bool:
    text = head.decode(errors="ignore")  # a character may be cut at the end
    return len(text.encode()) >= len(head) - 3 and not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def _id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag a file starts with, its header included; 0 if none. Sizes have 7 bits a byte."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    a, b, c, d = head[6:10]
    return 10 + ((a & 127) << 21 | (b & 127) << 14 | (c & 127) << 7 | d & 127)


def _is_playlist(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<?xml", b"<!--")):
        return any(mark in text for mark in PLAYLISTS if mark.startswith(b"<"))
    return text.startswith(PLAYLISTS)
