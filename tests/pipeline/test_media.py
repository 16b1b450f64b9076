"""Reading recordings that strangers sent: every file ends in samples or in a failure that says why."""

import csv
import itertools
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure
from pipeline.services.media import confined
from pipeline.storage import media_type_of
from tests.pipeline.recordings import BAD, fails, make

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
    assert (failure.value.code, failure.value.permanent) == (FailureCode.AUDIO_TOO_LARGE, True)
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
