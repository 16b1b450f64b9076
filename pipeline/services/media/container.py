"""Which container a file is, by its own first bytes.

ffmpeg is told the demuxer, so that it never chooses one by content or name: its guesses include formats that open
other files and addresses (hls, dash, concat), and those have no place on the list here.
"""

from pathlib import Path

from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure

HEAD = 4096

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
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (4, b"wide", "mov"),
)
WAVE_CHUNKS = (b"RIFF", b"RF64", b"BW64")
PLAYLISTS = (b"#extm3u", b"[playlist]", b"[reference]", b"ffconcat", b"<mpd", b"<smil", b"<asx", b"<playlist")


def container_of(path: Path) -> str:
    """The name of the ffmpeg demuxer for a file.

    Raises ExpectedFailure: AUDIO_EMPTY (no byte), AUDIO_IS_PLAYLIST (a list of other files), AUDIO_UNSUPPORTED.
    """
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
    container = _by_magic(head) or _by_frame(head) or ("mp3" if tag else "")
    if not container:
        raise ExpectedFailure(FailureCode.AUDIO_UNSUPPORTED, "The file is in no audio format that Parley reads.")
    return container


def _by_magic(head: bytes) -> str:
    for offset, magic, container in MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return container if container != "wav" or head[:4] in WAVE_CHUNKS else ""
    return ""


def _by_frame(head: bytes) -> str:
    """ADTS and MPEG audio have no file header, only frames; some encoders put zeros before the first."""
    frame = head.lstrip(b"\0")[:4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return ""
    if frame[1] & 0xF6 == 0xF0:
        return "aac"
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    bitrate, rate = frame[2] >> 4, frame[2] >> 2 & 3
    reserved = version == 1 or layer == 0 or bitrate == 15 or rate == 3
    return "" if reserved else "mp3"


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
