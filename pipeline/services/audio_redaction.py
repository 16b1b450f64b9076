"""Audio redaction: takes the hidden stretches of a transcript out of its recording.

The recording is decoded once to samples, the stretches are overwritten there, block by block, and new files are made
of what remains. So a cut is exact to the sample, the number of stretches costs nothing, and neither a channel that is
not concerned nor anything but samples (tags, cover art, chapters) can be touched or carried over.
``docs/decisions/0005-audio-formats.md`` says why the formats are what they are.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import NamedTuple

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.documents import Peaks, Redaction, RedactionPolicy, Transcript
from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.errors import ExpectedFailure

MASTER_TYPE, PLAYER_TYPE = "audio/flac", "audio/mpeg"
PLAYER_RATE, PLAYER_BITS_PER_CHANNEL = 16000, 32000  # Hz, bits a second
PEAKS_PER_SECOND = 20
BEEP_HERTZ, BEEP_LEVEL = 1000.0, 0.1  # of full scale
BLOCK_SECONDS = 60
FULL_SCALE = 32768
TOLERANCE = 1.0  # seconds between the lengths of transcript and recording: codecs pad

# What an encoder writes of its own (its name, its version) would make equal input unequal files.
PLAIN = {"map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact", "flags:a": "+bitexact"}
# Layouts that FLAC knows. Without one, ffmpeg guesses (three channels: "2.1") and mixes into what the encoder takes.
LAYOUTS = {3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}

Samples = npt.NDArray[np.int16]  # (channels, samples)


@dataclass(frozen=True, kw_only=True)
class RedactedAudio:
    """What may be heard of a call. ``master`` (FLAC) has the recording's channels, sample rate and length.

    ``player`` (MP3) is for browsers; both are files in the folder that was asked for. ``peaks`` is their waveform.
    """

    master: Path
    player: Path
    peaks: Peaks


class Stretch(NamedTuple):
    """Samples of a channel to hide, half-open."""

    channel: int
    first: int
    last: int


def redact(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    out: Path,
    hint: str = "",
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> RedactedAudio:
    """Hide every redaction of a transcript in its recording; ``master.flac`` and ``player.mp3`` are written to ``out``.

    Each stretch, with ``policy.pad`` seconds on either side, becomes silence or (``policy.mode`` "beep") a tone, on its
    own channel only. In doubt more is hidden: see ``stretches``. ``on_progress`` is told seconds done and in all.
    ``hint`` is the media type that the recording's name suggests.

    Raises ExpectedFailure as ``media.decoded`` does, and BLOB_CORRUPT when the transcript is of another recording.
    """
    longest = max(media.MAX_DURATION, transcript.duration + TOLERANCE)  # it was short enough to be transcribed
    info = media.probe(audio, hint=hint, max_duration=longest)
    if abs(info.duration - transcript.duration) > TOLERANCE:
        raise ExpectedFailure(FailureCode.BLOB_CORRUPT, "The transcript and the recording are not of the same length.")
    rate, channels = info.sample_rate, info.channels
    master, player = out.resolve() / "master.flac", out.resolve() / "player.mp3"
    hidden = stretches(transcript, policy.pad, channels, rate)
    maxima: list[npt.NDArray[np.float64]] = []
    with tempfile.TemporaryDirectory(prefix="redact-") as scratch:
        pcm = Path(scratch, "pcm")
        sound = _beep(rate) if policy.mode == "beep" else _silence
        with media.decoded(audio, hint=hint, sample_rate=rate, max_duration=longest) as heard, pcm.open("wb") as file:
            for block in _redacted(heard.blocks(BLOCK_SECONDS), hidden, sound):
                file.write(block.T.tobytes())
                maxima.append(_peaks(block, rate))
                on_progress(min(len(maxima) * BLOCK_SECONDS, info.duration), info.duration)
        _encode(pcm, rate, channels, master, player)
    values = np.concatenate(maxima, axis=1).round(3).tolist()
    peaks = Peaks(per_second=PEAKS_PER_SECOND, duration=info.duration, channels=tuple(map(tuple, values)))
    return RedactedAudio(master=master, player=player, peaks=peaks)


def stretches(transcript: Transcript, pad: float, channels: int, rate: int) -> list[Stretch]:
    """The samples to hide in a recording of so many channels and samples a second.

    A redaction without times hides its whole utterance. One on a channel that the recording has not, or of a
    transcript made of another number of channels (two alike taken for one), is hidden on all of them.
    """
    return [
        Stretch(channel, max(0, floor((start - pad) * rate)), ceil((end + pad) * rate))
        for redaction in transcript.redactions
        for start, end in [_times(redaction, transcript)]
        for channel in _channels(redaction, transcript, channels)
    ]


def _times(redaction: Redaction, transcript: Transcript) -> tuple[float, float]:
    if redaction.start is not None and redaction.end is not None and redaction.start <= redaction.end:
        return redaction.start, redaction.end
    utterance = transcript.utterances[redaction.utterance]
    return utterance.start, utterance.end


def _channels(redaction: Redaction, transcript: Transcript, channels: int) -> tuple[int, ...]:
    every = tuple(range(channels))
    return (redaction.channel,) if transcript.channels == channels and redaction.channel in every else every


# ── Samples ──────────────────────────────────────────────────────────────────────────────────────────────────────

Sound = Callable[[int, int], Samples]  # the samples that stand from one position in the recording up to another


def _redacted(blocks: Iterable[npt.NDArray[np.float32]], hidden: list[Stretch], sound: Sound) -> Iterator[Samples]:
    """16-bit samples without the hidden ones, a block at a time: a long call needs no more memory than a short one."""
    start = 0
    for samples in blocks:
        block = np.nan_to_num(samples).clip(-1, 1)  # a float WAV may hold anything
        whole = np.rint(block * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        _hide(whole, start, hidden, sound)
        start += whole.shape[1]
        yield whole


def _hide(block: Samples, start: int, hidden: list[Stretch], sound: Sound) -> None:
    """Overwrite the stretches that lie in a block, which begins at the sample ``start`` of the recording."""
    end = start + block.shape[1]
    for channel, first, last in hidden:
        first, last = max(first, start), min(last, end)
        if first < last:
            block[channel, first - start : last - start] = sound(first, last)


def _silence(first: int, last: int) -> Samples:
    return np.zeros(last - first, dtype=np.int16)


def _beep(rate: int) -> Sound:
    """A tone, in step with the recording's clock, so that stretches and blocks that touch join without a click."""

    def sound(first: int, last: int) -> Samples:
        wave = np.sin(np.arange(first, last) * (2 * np.pi * BEEP_HERTZ / rate))
        tone: Samples = (wave * BEEP_LEVEL * FULL_SCALE).astype(np.int16)
        return tone

    return sound


def _peaks(block: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The highest amplitudes of a block, from 0 to 1. Blocks begin at whole seconds, as the first value of one does."""
    count = ceil(block.shape[1] * PEAKS_PER_SECOND / rate)
    begins = np.arange(count) * rate // PEAKS_PER_SECOND
    highest: npt.NDArray[np.int32] = np.maximum.reduceat(np.abs(block.astype(np.int32)), begins, axis=1)
    return highest / FULL_SCALE


def _encode(pcm: Path, rate: int, channels: int, master: Path, player: Path) -> None:
    """Make the two files of raw 16-bit samples. MP3 has two channels at most: of more, the player hears the mean."""
    few = channels <= 2
    form = {"ac": channels} if few else {"ch_layout": LAYOUTS[channels]}
    mixed = {} if few else {"filter:a": "pan=mono|c0=" + "+".join(f"{1 / channels}*c{n}" for n in range(channels))}
    bits = PLAYER_BITS_PER_CHANNEL * (channels if few else 1)
    heard = {"format": "mp3", "acodec": "libmp3lame", "ar": PLAYER_RATE, "audio_bitrate": bits, **mixed}
    samples = ffmpeg.input(f"file:{pcm}", format="s16le", ar=rate, **form)
    job = ffmpeg.merge_outputs(
        samples.output(f"file:{master}", format="flac", acodec="flac", **PLAIN),
        samples.output(f"file:{player}", **heard, **PLAIN),
    )
    media.run_ffmpeg(job)
