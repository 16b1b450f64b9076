"""Recordings of which a part is missing, and those that would be too much: each is said to be what it is."""

import os
import signal
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.documents import Flag
from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure
from pipeline.services.transcription.recording import listen
from tests.pipeline.recordings import fails, make

# File name and encoder options; in each format something tells that the end is missing, or a piece in the middle.
TELLING = [
    ("pcm.wav", []),
    ("mulaw.wav", ["-acodec", "pcm_mulaw"]),
    ("large.wav", ["-rf64", "always"]),
    ("wave.w64", []),
    ("layer3.mp3", []),
    ("lossless.flac", []),
    ("lossless.oga", ["-acodec", "flac"]),
    ("opus.ogg", ["-acodec", "libopus"]),
    ("opus.webm", ["-acodec", "libopus"]),
    ("windows.wma", ["-acodec", "wmav2"]),
    ("sun.au", []),
]


@pytest.mark.parametrize(("name", "options"), TELLING, ids=[row[0] for row in TELLING])
def test_a_recording_that_lacks_its_end_or_has_a_hole_is_damaged_and_a_whole_one_is_not(
    tmp_path: Path, name: str, options: list[str]
) -> None:
    path = make(tmp_path / name, *options, seconds=10)
    whole = path.read_bytes()
    assert not media.probe(path).damaged
    half, tenth = len(whole) // 2, len(whole) // 10
    for left in (whole[:half], whole[:half] + whole[half + tenth :]):
        path.write_bytes(left)
        info = media.probe(path)
        assert info.damaged
        assert info.duration < 9.5
        assert media.write_samples(path, tmp_path / "pcm").damaged


def test_a_call_of_which_a_part_could_not_be_decoded_is_flagged(tmp_path: Path) -> None:
    path = make(tmp_path / "call.flac", seconds=10)
    with listen(path, (), 3600.0) as whole:
        assert Flag.DAMAGED not in whole.flags
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with listen(path, (), 3600.0) as half:
        assert Flag.DAMAGED in half.flags


def test_a_wav_whose_recorder_did_not_know_its_length_is_not_damaged(tmp_path: Path) -> None:
    path = make(tmp_path / "call.wav", seconds=2)
    content = bytearray(path.read_bytes())
    for place in (4, content.index(b"data") + 4):
        struct.pack_into("<I", content, place, 0xFFFFFFFF)
    path.write_bytes(content)
    assert (media.probe(path).damaged, media.probe(path).duration) == (False, 2.0)


def test_a_film_that_goes_on_after_its_sound_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make(path, "-f", "lavfi", "-i", "color=size=16x16:rate=1:duration=5", seconds=2)
    assert (media.probe(path).damaged, media.probe(path).duration) == (False, pytest.approx(2.0, abs=0.1))


# ── Ended from outside ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_decoder_that_somebody_ends_says_nothing_about_the_recording_and_is_tried_again(
    tmp_path: Path, ended_by: signal.Signals
) -> None:
    """The kernel's SIGKILL, for memory; a service manager's SIGTERM, at which ffmpeg ends as if all was done."""
    written = str(tmp_path / "out.wav")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(media.run_ffmpeg, ["-re", "-f", "lavfi", "-i", "sine", written])
        os.kill(pid_of(written), ended_by)
        with pytest.raises(ExpectedFailure) as failure:
            run.result(timeout=20)
    assert (failure.value.code, failure.value.permanent) == (FailureCode.WORKER_LOST, False)


def pid_of(argument: str) -> int:
    """The program that was started with an argument, once it has written something."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if argument.encode() in (folder / "cmdline").read_bytes() and Path(argument).exists():
                    return int(folder.name)
        time.sleep(0.05)
    raise AssertionError("ffmpeg did not start")


# ── Too much ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rate_that_no_recorder_has_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "bomb.flac", "-strict", "experimental", "-ar", "655350", channels=8, seconds=20)
    assert fails(path).code == FailureCode.AUDIO_RATE_TOO_HIGH
    with pytest.raises(ExpectedFailure) as failure:
        media.write_samples(path, tmp_path / "pcm")
    assert failure.value.code == FailureCode.AUDIO_RATE_TOO_HIGH
    assert not (tmp_path / "pcm").exists()


def test_no_more_is_written_of_a_recording_than_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 1_000_000)
    path = make(tmp_path / "call.flac", rate=48000, channels=8, seconds=4)  # 3 MB of samples
    with pytest.raises(ExpectedFailure) as failure:
        media.write_samples(path, tmp_path / "pcm")
    assert (failure.value.code, failure.value.permanent) == (FailureCode.AUDIO_TOO_LARGE, True)
    assert (tmp_path / "pcm").stat().st_size <= 1_000_000


def test_what_is_too_large_to_be_redacted_is_not_transcribed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MAX_BYTES", 1_000_000)
    path = make(tmp_path / "call.flac", rate=48000, channels=8, seconds=4)
    assert fails(path, sample_rate=1000).code == FailureCode.AUDIO_TOO_LARGE  # 128 kB as they are heard
