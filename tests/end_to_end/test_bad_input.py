"""What a user gets wrong: each file ends in a definite state with a sentence, and no worker is lost."""

import io
import struct
import wave

import httpx
import numpy as np
import pytest

from tests.running import ROOT, Running

SAMPLE = (ROOT / "conversations" / "samples" / "billing-refund.flac").read_bytes()


def wav(samples: np.ndarray, rate: int = 8000) -> bytes:
    """A mono 16-bit WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


SILENCE = wav(np.zeros(8000 * 4))
TONE = wav(8000 * np.sin(2 * np.pi * 440 * np.arange(8000 * 4) / 8000))
HOSTILE_HEADER = SILENCE[:40] + struct.pack("<I", 0xFFFFFFFF) + b"\0" * 32000

FAILING = [
    (b"", "audio_empty", "a file of 0 bytes"),
    (b"Dear customer, thank you for your letter.\n" * 50, "audio_unsupported", "a letter"),
    (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "audio_is_playlist", "a playlist that names a file of ours"),
    (b"ffconcat version 1.0\nfile /etc/passwd\n", "audio_is_playlist", "a list of files to join"),
    (b"RIFF\x24\0\0\0WAVE", "audio_unreadable", "the first bytes of a WAV"),
    (b"PK\x03\x04" + b"\0" * 100, "audio_unsupported", "a zip sent as a call"),
    (SAMPLE[:60], "audio_unreadable", "a FLAC without its first frame"),
]
COMPLETED = [
    (SILENCE, "silence"),
    (TONE, "a tone"),
    (HOSTILE_HEADER, "a WAV whose header promises 4 GiB"),
]


@pytest.mark.parametrize(("content", "code", "what"), FAILING, ids=[what for *_, what in FAILING])
def test_what_is_no_call_fails_with_a_sentence(running: Running, content: bytes, code: str, what: str) -> None:
    answer = running.upload("call.wav", content)
    assert answer.status_code in (200, 201)
    call = running.finished(answer.json()["id"])
    assert (call["status"], call["failure"]["code"]) == ("failed", code)
    assert call["failure"]["sentence"].endswith(".")
    assert call["failure"]["stage"] == "transcription"


@pytest.mark.parametrize(("content", "what"), COMPLETED, ids=[what for *_, what in COMPLETED])
def test_a_call_in_which_nobody_speaks_is_completed_with_a_flag(running: Running, content: bytes, what: str) -> None:
    call = running.finished(running.upload("call.wav", content).json()["id"])
    assert call["status"] == "completed", call
    assert "no_speech" in call["flags"]


def test_half_a_file_is_used_as_far_as_it_goes(running: Running) -> None:
    call = running.finished(running.upload("call.flac", SAMPLE[: len(SAMPLE) // 4]).json()["id"])
    assert call["status"] == "completed"
    assert 5 < call["duration"] < 60


def test_the_same_file_twice_is_one_call_and_the_answer_says_so(running: Running) -> None:
    first, second = (running.upload("call.flac", SILENCE + b"twice") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["duplicate"] is True


def test_after_all_this_everything_is_still_ready(running: Running) -> None:
    ready = httpx.get(f"{running.url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
