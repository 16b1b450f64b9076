"""Telephone audio without a header: what it is, by its name's word and by how it sounds.

Nothing in such a file tells one encoding from another, so the kind that its name gave it (``storage.media_type_of``)
comes along as a hint. It is believed as far as the bytes bear it out.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.services.media.confined import Container, Limits, run_as_far_as_it_goes, source

MULAW = Container("mulaw", {"ar": 8000})
ALAW = Container("alaw", {"ar": 8000})
LINEAR, SWAPPED = Container("s16le", {"ar": 8000}), Container("s16be", {"ar": 8000})
WIDE_LINEAR = Container("s16le", {"ar": 16000})
G722 = Container("g722")
GSM = Container("gsm")
VOX = Container("alaw", {"ar": 8000, "acodec": "adpcm_ima_oki"})  # has no demuxer; A-law's hands on the bytes as well

# Media type, and what such a file may be: what its name says, then what people take it for. The names of IANA, if any.
NAMED: dict[str, tuple[Container, ...]] = {
    "audio/PCMU": (MULAW, ALAW, LINEAR, SWAPPED),
    "audio/PCMA": (ALAW, MULAW, LINEAR, SWAPPED),
    "audio/x-sln": (LINEAR, SWAPPED, MULAW, ALAW),
    "audio/x-sln16": (WIDE_LINEAR, MULAW, ALAW),
    "audio/G722": (G722,),
    "audio/x-vox": (VOX,),
}
LOST_HEADER = "audio/vnd.wave"  # what is named WAV and is none may be any of these
GUESSED = (LINEAR, SWAPPED, MULAW, ALAW)

HEARD_SECONDS, LEAST_SECONDS = 300, 0.1
RATE, FULL_SCALE = 8000, 32768
SILENT = 1e-10  # mean square of what is no sound but a constant
ORDER = 8  # samples that the next is predicted from
# Measured on 60 recordings: speech in its own encoding is predicted with 3.8 dB and more, in another with at least 2 dB
# less; programs, pictures and compressed files with 2.4 dB and less. They are loud: random bytes have an RMS of 0.3.
# Linear samples read as mu-law have up to 4.5 dB, but swing from end to end: an RMS of 0.7, as no speech has.
CLEAR_GAIN, CLEAR_LEAD = 3.0, 1.0
LOUD, LOUDEST = 0.28, 0.5

GSM_FRAME, GSM_NIBBLE = 33, 0xD0  # bytes, and how each begins
ENOUGH_FRAMES = 8  # that begin alike are no chance

Samples = npt.NDArray[np.float64]


class Sound(NamedTuple):
    """How a file sounds when it is read as something: prediction gain in dB, RMS as a share of full scale."""

    container: Container
    gain: float
    level: float


def by_name(path: Path, hint: str) -> Container | None:
    """What a headerless file is, if its bytes bear out its name; another of its kin where that is clearly meant.

    Quiet recordings sound alike in all encodings, so one that is not clearly any, and not loud, is what it is called.
    """
    sounds = _sounds(path, NAMED.get(hint, ()))
    if len(sounds) > 1 and (clear := _clearest(sounds)):
        return clear
    return sounds[0].container if sounds and sounds[0].level < LOUD else None


def by_sound(path: Path, hint: str) -> Container | None:
    """What a WAV is that has lost its header: 8 kHz of one channel, if it clearly sounds like that."""
    return _clearest(_sounds(path, GUESSED)) if hint == LOST_HEADER else None


def by_frames(head: bytes, hint: str) -> Container | None:
    """GSM 06.10, whose frames all begin with the same four bits; of a few frames its name must say so too.

    A-law's silence has these bits in every byte, GSM in one of sixteen.
    """
    marked = [byte & 0xF0 == GSM_NIBBLE for byte in head[: len(head) // GSM_FRAME * GSM_FRAME]]
    begins = marked[::GSM_FRAME]
    enough = 1 if hint == "audio/GSM" else ENOUGH_FRAMES
    return GSM if len(begins) >= enough and all(begins) and sum(marked) < len(marked) / 2 else None


def _sounds(path: Path, candidates: Sequence[Container]) -> list[Sound]:
    """How a file sounds in each encoding; nothing if it is too short to tell."""
    heard = [(container, _heard(path, container)) for container in candidates]
    return [
        Sound(container, _prediction_gain(samples), float(np.sqrt(np.mean(samples**2))))
        for container, samples in heard
        if samples.size
    ]


def _heard(path: Path, container: Container) -> Samples:
    """The first minutes of a file, read as something; nothing of a file that is hardly any."""
    with tempfile.TemporaryDirectory(prefix="headerless-") as scratch:
        pcm = Path(scratch, "pcm")
        job = source(path, container).output(f"file:{pcm}", format="s16le", ac=1, ar=RATE, t=HEARD_SECONDS)
        run_as_far_as_it_goes(job, Limits(cpu_seconds=60, wall_seconds=120, file_bytes=64 * 1024**2))
        samples = np.fromfile(pcm, dtype="<i2") / FULL_SCALE if pcm.exists() else np.zeros(0)
    return samples if samples.size >= LEAST_SECONDS * RATE else np.zeros(0)


def _prediction_gain(samples: Samples) -> float:
    """How much of a sound each sample's predecessors tell, in dB: its energy by that of the linear prediction's error.

    0 is noise or silence. (Rabiner and Schafer, Digital Processing of Speech Signals, 1978, chapter 8: the
    autocorrelation method.)
    """
    centred = samples - samples.mean()
    lags = np.array([np.dot(centred[: centred.size - lag], centred[lag:]) for lag in range(ORDER + 1)])
    if lags[0] < SILENT * centred.size:
        return 0.0
    matrix = lags[np.abs(np.subtract.outer(np.arange(ORDER), np.arange(ORDER)))] + np.eye(ORDER) * lags[0] * 1e-6
    error = 1 - np.linalg.solve(matrix, lags[1:]) @ lags[1:] / lags[0]
    return float(-10 * np.log10(max(error, 1e-6)))


def _clearest(sounds: Sequence[Sound]) -> Container | None:
    """What a file clearly is: predictable in this encoding, and in no other as much."""
    ranked = sorted((sound for sound in sounds if sound.level < LOUDEST), key=lambda sound: -sound.gain)
    if not ranked or ranked[0].gain < CLEAR_GAIN:
        return None
    clear = len(ranked) == 1 or ranked[0].gain - ranked[1].gain >= CLEAR_LEAD
    return ranked[0].container if clear else None
