"""Recordings that tests write, and files that are none."""

import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure

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


def write_wav(path: Path, samples: npt.NDArray[np.int16], rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def ffmpeg(*arguments: str | Path) -> bytes:
    command = [media.ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def samples_of(path: Path, channels: int) -> npt.NDArray[np.int16]:
    """What any player gets out of a file, ``(samples, channels)``."""
    return np.frombuffer(ffmpeg("-i", path, "-f", "s16le", "pipe:1"), "<i2").reshape(-1, channels)
