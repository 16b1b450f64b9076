"""Telephone audio without a header: what it is called counts as far as its bytes bear it out."""

import random
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure
from pipeline.storage import media_type_of
from tests.pipeline.recordings import BAD, fails, make

# File name, what it is written and must be read as, sample rate.
HEADERLESS = [
    ("call.ulaw", "mulaw", 8000),
    ("CALL.UL", "mulaw", 8000),
    ("old.au", "mulaw", 8000),
    ("call.alaw", "alaw", 8000),
    ("asterisk.sln", "s16le", 8000),
    ("call.raw", "s16le", 8000),
    ("sun.raw", "s16be", 8000),
    ("asterisk.sln16", "s16le", 16000),
    ("call.g722", "g722", 16000),
    ("misnamed.alaw", "mulaw", 8000),
    ("misnamed.ulaw", "alaw", 8000),
    ("misnamed.ulaw", "s16le", 8000),
    ("lost header.wav", "s16le", 8000),
    ("lost header.wav", "mulaw", 8000),
    ("lost header.wav", "alaw", 8000),
]

# Name and content of what is called headerless audio and is none.
IMPOSTORS = [
    ("note.ulaw", b"Dear Sir or Madam,\nplease find attached " * 200),
    ("note.gsm", b"Dear Sir or Madam,\nplease find attached " * 200),
    ("note.g722", b"Dear Sir or Madam,\nplease find attached " * 200),
    ("page.alaw", b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 30),
    ("answer.ulaw", b'{"error":"not_found"}' * 100),
    ("cyrillic.gsm", "Здравствуйте, вложение ниже. ".encode() * 100),
    ("one.ulaw", b"\xff"),
    ("one.gsm", b"\xd0"),
    ("cut.gsm", b"\xd2" + bytes(20)),
    ("other.gsm", bytes(33 * 50)),
    ("zeros.ulaw", bytes(10_000)),
    ("zeros.wav", bytes(10_000)),
    ("noise.ulaw", random.Random(1).randbytes(65536)),
    ("noise.alaw", random.Random(2).randbytes(65536)),
    ("noise.sln", random.Random(3).randbytes(65536)),
    ("noise.vox", random.Random(6).randbytes(65536)),
    ("noise.g722", random.Random(4).randbytes(65536)),
    ("noise.wav", random.Random(5).randbytes(65536)),
]


@pytest.mark.parametrize(("name", "written", "rate"), HEADERLESS)
def test_a_recording_without_a_header_is_what_it_is_called_or_sounds_like(
    tmp_path: Path, name: str, written: str, rate: int
) -> None:
    path = make(tmp_path / name, "-f", written, channels=1, rate=rate)
    info = media.probe(path, hint=media_type_of(name))
    assert (info.container, info.channels, info.sample_rate) == (written, 1, rate)
    assert info.duration == pytest.approx(1.0, abs=0.01)
    samples = media.decode(path, hint=media_type_of(name))
    assert samples.shape == (1, pytest.approx(16000, abs=200))
    assert 0.05 < np.abs(samples).max() <= 0.3  # read as anything else, a quiet tone is loud


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("silence.ulaw", b"\xff" * 8000, "mulaw"),
        ("silence.alaw", b"\xd5" * 8000, "alaw"),
        ("silence.alaw", b"U" * 8000, "alaw"),  # its other zero
        ("silence.sln", bytes(16000), "s16le"),
        ("silence.vox", b"\x08" * 4000, "alaw"),  # whose demuxer it is read with
        ("silence.sln", b"\xff" * 16000, "s16le"),  # which looks like many frames of MPEG audio
    ],
)
def test_silence_without_a_header_is_what_it_is_called(tmp_path: Path, name: str, content: bytes, read: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    info = media.probe(path, hint=media_type_of(name))
    assert (info.container, info.duration) == (read, 1.0)


@pytest.mark.parametrize(("name", "frames"), [("prompt.gsm", 1), ("prompt.gsm", 50), ("misnamed.mp3", 50)])
def test_gsm_is_told_by_its_frames(tmp_path: Path, name: str, frames: int) -> None:
    chance = random.Random(1)
    path = tmp_path / name
    path.write_bytes(b"".join(bytes([0xD0 | chance.randrange(16)]) + chance.randbytes(32) for _ in range(frames)))
    info = media.probe(path, hint=media_type_of(name))
    assert (info.container, info.sample_rate, info.channels) == ("gsm", 8000, 1)
    assert info.duration == pytest.approx(0.02 * frames)


@pytest.mark.parametrize(("name", "content"), IMPOSTORS, ids=[row[0] for row in IMPOSTORS])
def test_what_is_only_called_headerless_audio_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert fails(path, hint=media_type_of(name)).code == FailureCode.AUDIO_UNSUPPORTED


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", ["call.ulaw", "call.gsm", "call.wav"])
def test_a_name_makes_no_recording_of_what_is_none(tmp_path: Path, name: str, case: str) -> None:
    content, code = BAD[case]
    path = tmp_path / name
    path.write_bytes(content)
    assert fails(path, hint=media_type_of(name)).code == code


@pytest.mark.parametrize("written", ["wav", "mp3", "adts", "mp4"])
@pytest.mark.parametrize("name", ["call.ulaw", "call.g722"])
def test_a_header_counts_more_than_the_name(tmp_path: Path, name: str, written: str) -> None:
    path = make(tmp_path / name, "-f", written)
    info = media.probe(path, hint=media_type_of(name))
    assert info.container == {"adts": "aac", "mp4": "mov"}.get(written, written)
    assert info.channels == 2


@pytest.mark.parametrize(
    ("encoding", "before"),
    [
        ("pcm_u8", b""),
        ("pcm_s16le", b""),
        ("pcm_s24le", b""),
        ("pcm_f32le", b""),
        ("pcm_mulaw", b""),
        ("pcm_alaw", b""),
        ("pcm_s16le", bytes(12)),
        ("pcm_s16le", b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n"),
    ],
)
def test_a_wav_that_has_lost_its_beginning_is_read_by_its_format_chunk(
    tmp_path: Path, encoding: str, before: bytes
) -> None:
    path = make(tmp_path / "call.wav", "-acodec", encoding, rate=8000)
    path.write_bytes(before + path.read_bytes()[12:])
    info = media.probe(path)
    assert (info.channels, info.sample_rate) == (2, 8000)
    assert info.duration == pytest.approx(1.0, abs=0.01)
    assert 0.05 < np.abs(media.decode(path)).max() <= 0.3


@pytest.mark.parametrize("size", [bytes(4), b"\xff" * 4], ids=["nought", "all"])
def test_the_sizes_in_a_wav_are_not_believed(tmp_path: Path, size: bytes) -> None:
    path = make(tmp_path / "call.wav")
    content = path.read_bytes()
    data = content.index(b"data") + 4
    path.write_bytes(content[:4] + size + content[8:data] + size + content[data + 4 :])
    assert media.probe(path).duration == pytest.approx(1.0, abs=0.01)


def test_a_full_disk_does_not_make_headerless_audio_unsupported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scratch = make(tmp_path / "call.ulaw", "-f", "mulaw", channels=1, rate=8000), tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "pcm").symlink_to("/dev/full")
    monkeypatch.setattr(media.tempfile, "TemporaryDirectory", lambda **_: nullcontext(scratch))
    with pytest.raises(ExpectedFailure) as failure:
        media.container_of(path, "audio/PCMU")
    assert (failure.value.code, failure.value.permanent) == (FailureCode.STORAGE_UNAVAILABLE, False)
