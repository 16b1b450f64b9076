"""Reading recordings that strangers sent: every file ends in samples or in a failure that says why."""

import csv
import itertools
import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure
from pipeline.services.media import confined
from pipeline.storage import media_type_of

DATA = Path(os.environ.get("PARLEY_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))

# File name, encoder options, container that must be seen, channels.
FORMATS = [
    ("pcm16.wav", ["-acodec", "pcm_s16le"], "wav", 2),
    ("pcm8.wav", ["-acodec", "pcm_u8"], "wav", 1),
    ("pcm24.wav", ["-acodec", "pcm_s24le"], "wav", 2),
    ("pcm32.wav", ["-acodec", "pcm_s32le"], "wav", 2),
    ("float.wav", ["-acodec", "pcm_f32le"], "wav", 2),
    ("double.wav", ["-acodec", "pcm_f64le"], "wav", 2),
    ("mulaw.wav", ["-acodec", "pcm_mulaw"], "wav", 2),
    ("alaw.wav", ["-acodec", "pcm_alaw"], "wav", 2),
    ("adpcm_ima.wav", ["-acodec", "adpcm_ima_wav"], "wav", 2),
    ("adpcm_ms.wav", ["-acodec", "adpcm_ms"], "wav", 2),
    ("g722.wav", ["-acodec", "g722"], "wav", 1),
    ("g726.wav", ["-acodec", "g726", "-ar", "8000"], "wav", 1),
    ("layer3.wav", ["-acodec", "libmp3lame"], "wav", 2),
    ("large.wav", ["-rf64", "always"], "wav", 2),
    ("wave.w64", [], "w64", 2),
    ("layer3.mp3", ["-acodec", "libmp3lame"], "mp3", 2),
    ("untagged.mp3", ["-acodec", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0"], "mp3", 2),
    ("aac.m4a", ["-acodec", "aac"], "mov", 2),
    ("lossless.m4a", ["-acodec", "alac"], "mov", 2),
    ("aac.3gp", ["-acodec", "aac"], "mov", 1),
    ("amr.3gp", ["-acodec", "libopencore_amrnb", "-ar", "8000"], "mov", 1),
    ("narrow.amr", ["-acodec", "libopencore_amrnb", "-ar", "8000"], "amr", 1),
    ("frames.aac", ["-acodec", "aac", "-f", "adts"], "aac", 2),
    ("opus.ogg", ["-acodec", "libopus"], "ogg", 2),
    ("vorbis.ogg", ["-acodec", "libvorbis"], "ogg", 2),
    ("opus.webm", ["-acodec", "libopus"], "matroska", 2),
    ("vorbis.webm", ["-acodec", "libvorbis"], "matroska", 2),
    ("lossless.flac", [], "flac", 2),
    ("lossless.oga", ["-acodec", "flac"], "ogg", 2),
    ("windows.wma", ["-acodec", "wmav2"], "asf", 2),
    ("apple.aiff", [], "aiff", 2),
    ("sun.au", [], "au", 2),
    ("core.caf", [], "caf", 2),
]

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

# Content, and the code it must end with.
BAD = {
    "nothing": (b"", FailureCode.AUDIO_EMPTY),
    "HLS playlist": (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", FailureCode.AUDIO_IS_PLAYLIST),
    "HLS playlist behind a byte order mark": (b"\xef\xbb\xbf\r\n#EXTM3U\n", FailureCode.AUDIO_IS_PLAYLIST),
    "PLS playlist": (b"[playlist]\nFile1=http://localhost/\n", FailureCode.AUDIO_IS_PLAYLIST),
    "concat script": (b"ffconcat version 1.0\nfile /etc/passwd\n", FailureCode.AUDIO_IS_PLAYLIST),
    "DASH manifest": (b"<?xml version='1.0'?>\n<!-- x -->\n<MPD xmlns='u'></MPD>", FailureCode.AUDIO_IS_PLAYLIST),
    "SMIL": (b"<smil><body/></smil>", FailureCode.AUDIO_IS_PLAYLIST),
    "ASX": (b"<ASX version='3'></ASX>", FailureCode.AUDIO_IS_PLAYLIST),
    "text": (b"Dear Sir or Madam,", FailureCode.AUDIO_UNSUPPORTED),
    "one zero": (b"\0", FailureCode.AUDIO_UNSUPPORTED),
    "zeros": (bytes(10_000), FailureCode.AUDIO_UNSUPPORTED),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(100), FailureCode.AUDIO_UNSUPPORTED),
    "AVI": (b"RIFF\x24\0\0\0AVI LIST" + bytes(100), FailureCode.AUDIO_UNSUPPORTED),
    "subtitles naming a file": (
        b"1\n00:00:01,000 --> 00:00:02,000\nconcat:/etc/passwd\n",
        FailureCode.AUDIO_UNSUPPORTED,
    ),
    "WAV without samples": (b"RIFF\x24\0\0\0WAVEfmt ", FailureCode.AUDIO_UNREADABLE),
    "MP4 without media": (b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", FailureCode.AUDIO_UNREADABLE),
    "Ogg of noise": (b"OggS" + bytes(range(256)) * 9, FailureCode.AUDIO_UNREADABLE),
    "FLAC of noise": (b"fLaC" + bytes(range(256)) * 9, FailureCode.AUDIO_UNREADABLE),
    "tag without music": (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), FailureCode.AUDIO_UNREADABLE),
}


def make(path: Path, *options: str, seconds: float = 1.0, channels: int = 2, rate: int = 16000) -> Path:
    """Write a tone with ffmpeg."""
    tone = f"sine=frequency=440:sample_rate={rate}:duration={seconds}"
    command = [
        media.ffmpeg_program(),
        "-nostdin",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        tone,
        "-ac",
        str(channels),
        *options,
    ]
    subprocess.run([*command, str(path)], check=True)
    return path


def fails(path: Path, **options: Any) -> ExpectedFailure:
    with pytest.raises(ExpectedFailure) as failure:
        media.decode(path, **options)
    assert failure.value.permanent
    assert path.name not in str(failure.value)
    return failure.value


@pytest.mark.parametrize(("name", "options", "container", "channels"), FORMATS, ids=[row[0] for row in FORMATS])
def test_a_format_of_telephony_is_read(
    tmp_path: Path, name: str, options: list[str], container: str, channels: int
) -> None:
    path = make(tmp_path / name, *options, channels=channels)
    info = media.probe(path)
    assert (info.container, info.channels) == (container, channels)
    assert info.duration == pytest.approx(1.0, abs=0.1)  # lossy codecs add priming samples
    samples = media.decode(path, sample_rate=8000)
    assert samples.shape == (channels, pytest.approx(8000, abs=800))
    assert samples.dtype == np.float32
    assert 0.05 < np.abs(samples).max() <= 1.0


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_recording_ends_in_a_clear_failure(tmp_path: Path, case: str) -> None:
    content, code = BAD[case]
    path = tmp_path / "private name.wav"
    path.write_bytes(content)
    assert fails(path).code == code
    with pytest.raises(ExpectedFailure):
        media.probe(path)


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


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "real.mp3").rename(tmp_path / "concat:a|b%03d.m3u8")
    assert media.probe(path).container == "mp3"


@pytest.mark.parametrize("name", ["call.wav", "call.mp3", "call.au"])
def test_a_truncated_recording_counts_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, seconds=4)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert media.probe(path).duration == pytest.approx(2.0, abs=0.5)
    assert media.decode(path).shape[1] / 16000 == pytest.approx(2.0, abs=0.5)


def test_a_recording_that_is_too_long_is_refused_without_decoding_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    command = [
        media.ffmpeg_program(),
        "-nostdin",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "anullsrc=r=8000:cl=mono",
        "-t",
        "36000",
    ]
    subprocess.run([*command, str(path)], check=True)  # an hour of silence in few bytes
    assert fails(path, max_duration=10).code == FailureCode.AUDIO_TOO_LONG


def test_more_channels_than_allowed_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "call.wav", channels=3)
    assert fails(path, max_channels=2).code == FailureCode.AUDIO_TOO_MANY_CHANNELS


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
def test_channels_are_not_mixed(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "call.wav"
    levels = "|".join(f"{(channel + 1) / 10}" for channel in range(channels))
    graph = ["-f", "lavfi", "-i", f"aevalsrc={levels}:s=16000:d=0.5", "-acodec", "pcm_f32le"]
    subprocess.run([media.ffmpeg_program(), "-nostdin", "-loglevel", "error", *graph, str(path)], check=True)
    expected = [(channel + 1) / 10 for channel in range(channels)]
    assert media.decode(path)[:, 4000] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("seconds", [1, 2, 3, 10])
def test_blocks_of_samples_are_the_samples(tmp_path: Path, seconds: int) -> None:
    path = make(tmp_path / "call.wav", channels=2, seconds=3)
    with media.decoded(path, sample_rate=8000) as audio:
        blocks = list(audio.blocks(seconds))
    assert max(block.shape[1] for block in blocks) <= seconds * 8000
    assert np.array_equal(np.concatenate(blocks, axis=1), media.decode(path, sample_rate=8000))


@pytest.mark.parametrize(("name", "read"), [("pcm", media.decode), ("mono", media.probe)])
def test_a_full_disk_does_not_make_a_long_recording_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[Path], object]
) -> None:
    path, scratch = make(tmp_path / "call.wav", seconds=3), tmp_path / "scratch"
    scratch.mkdir()
    (scratch / name).symlink_to("/dev/full")
    monkeypatch.setattr(media.tempfile, "TemporaryDirectory", lambda **_: nullcontext(scratch))
    with pytest.raises(ExpectedFailure) as failure:
        read(path)
    assert (failure.value.code, failure.value.permanent) == (FailureCode.STORAGE_UNAVAILABLE, False)


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


def test_an_mp4_cannot_name_other_files(tmp_path: Path) -> None:
    path = make(tmp_path / "call.m4a")
    arguments = media.source(path, media.container_of(path)).output("out", format="null").get_args()
    options = dict(itertools.pairwise(arguments[: arguments.index("-i")]))
    assert options["-f"] == "mov"
    assert options["-protocol_whitelist"] == "file"
    assert (options["-enable_drefs"], options["-use_absolute_path"]) == ("0", "0")


ENDLESS = ["-f", "lavfi", "-i", "sine"]


@pytest.mark.parametrize(
    "limits",
    [media.Limits(wall_seconds=0.5), media.Limits(cpu_seconds=1), media.Limits(file_bytes=100_000)],
    ids=["wall clock", "processor time", "file size"],
)
def test_ffmpeg_is_stopped_at_a_limit(tmp_path: Path, limits: media.Limits) -> None:
    written = tmp_path / "out.wav"
    with pytest.raises(ExpectedFailure) as failure:
        media.run_ffmpeg([*ENDLESS, str(written)], limits)
    assert failure.value.code == FailureCode.AUDIO_UNREADABLE
    assert written.stat().st_size <= limits.file_bytes


def test_ffmpeg_cannot_take_more_memory_than_its_limit(tmp_path: Path) -> None:
    with pytest.raises(media.FfmpegError):
        media.run_ffmpeg([*ENDLESS, "-t", "1", str(tmp_path / "out.wav")], media.Limits(memory_bytes=10 * 1024**2))


def test_ffmpeg_sees_no_secret_of_ours_and_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = tmp_path / "ffmpeg"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/environment\nsleep 60 &\necho $! > {tmp_path}/child\n")
    spy.chmod(0o755)
    monkeypatch.setattr(confined, "ffmpeg_program", lambda: str(spy))
    monkeypatch.setenv("PARLEY_MASTER_KEY", "secret")
    media.run_ffmpeg(["-version"])
    assert "PARLEY" not in (tmp_path / "environment").read_text()
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process is there and not a zombie that its adoptive parent has yet to bury."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")


def test_an_error_of_ffmpeg_keeps_what_it_quotes_out_of_its_message() -> None:
    with pytest.raises(media.FfmpegError) as error:
        media.run_ffmpeg(["-i", "/a/private/name", "-f", "null", "-"])
    assert "private" in error.value.stderr
    assert "private" not in str(error.value)


def test_every_public_sample_ends_in_samples_or_a_clear_failure() -> None:
    manifest = DATA / "formats" / "manifest.tsv"
    if not manifest.exists():
        pytest.skip(f"the public audio files are not in {DATA} (set PARLEY_DATA)")
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows
    lengths = [
        (row["path"], float(row["dur_decoded_s"] or 0), duration_of(DATA / "formats" / row["path"])) for row in rows
    ]
    wrong = [row for row in lengths if bool(row[1]) != bool(row[2]) or row[1] != pytest.approx(row[2], abs=TOLERANCE)]
    assert wrong == []


TOLERANCE = 0.15  # seconds that PyAV, which made the manifest, may count more or less of what pads a codec


def duration_of(path: Path) -> float:
    """Seconds that can be decoded; 0 for a file that ends in a failure."""
    try:
        return media.probe(path, hint=media_type_of(path.name)).duration
    except ExpectedFailure:
        return 0.0
