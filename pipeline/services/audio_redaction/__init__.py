"""Audio redaction: takes the hidden stretches of a transcript out of its recording.

The recording is decoded once to samples; ``edges`` finds where hidden words really start and end, ``echo`` whether the
other channel repeats them, ``cuts`` makes of both what is overwritten where it lies; new files are made of what
remains (``samples``). ``docs/decisions/0005-audio-formats.md`` says why the formats are what they are,
``0008-audio-proof.md`` how cuts are placed, as measured.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from pipeline.documents import Cut, HiddenBefore, Peaks, RedactionPolicy, Transcript
from pipeline.events import FailureCode
from pipeline.services import media
from pipeline.services.audio_redaction.cuts import around, cuts_of, public_words
from pipeline.services.audio_redaction.samples import (
    BEEP_LEVEL,
    PEAKS_PER_SECOND,
    Recording,
    beep,
    encode,
    silence,
)
from pipeline.services.errors import ExpectedFailure

__all__ = [
    "BEEP_LEVEL",
    "MASTER_TYPE",
    "PLAYER_TYPE",
    "Recording",
    "RedactedAudio",
    "around",
    "beep",
    "public_words",
    "redact",
    "silence",
]

MASTER_TYPE, PLAYER_TYPE = "audio/flac", "audio/mpeg"
TOLERANCE = 1.0  # seconds between the lengths of transcript and recording: codecs pad
PCM_SHARE, CUT_SHARE = 0.3, 0.4  # of the work that is done when the recording is decoded, and when it is cut


@dataclass(frozen=True, kw_only=True)
class RedactedAudio:
    """What may be heard of a call. ``master`` (FLAC) has the recording's channels, sample rate and length.

    ``player`` (MP3) is for browsers; both are files in the folder that was asked for. ``peaks`` is their waveform,
    ``cuts`` what is hidden, in order of their start.
    """

    master: Path
    player: Path
    peaks: Peaks
    cuts: tuple[Cut, ...]


def redact(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    out: Path,
    hint: str = "",
    more: Sequence[Cut] = (),
    before: Sequence[HiddenBefore] = (),
    on_progress: Callable[[float, float], None] = lambda done, total: None,
) -> RedactedAudio:
    """Hide every redaction of a transcript in its recording; ``master.flac`` and ``player.mp3`` are written to ``out``.

    Each stretch, from edge to edge of its sound (``edges.widened``, by ``policy.pad``), becomes silence or
    (``policy.mode`` "beep") a tone, on its own channel and where the other has its echo. In doubt more is hidden: see
    ``cuts.cuts_of``. ``more`` and what was ``before`` is hidden too.
    ``on_progress`` is told seconds done and in all. ``hint`` is the media type that the recording's name suggests.

    Raises ExpectedFailure as ``media.decoded`` does, and BLOB_CORRUPT when the transcript is of another recording.
    """
    longest = max(media.MAX_DURATION, transcript.duration + TOLERANCE)  # it was short enough to be transcribed
    master, player = out.resolve() / "master.flac", out.resolve() / "player.mp3"
    with tempfile.TemporaryDirectory(prefix="redact-") as scratch:
        pcm = Path(scratch, "pcm")
        info = media.write_samples(audio, pcm, hint=hint, max_duration=longest)
        if abs(info.duration - transcript.duration) > TOLERANCE:
            raise ExpectedFailure(
                FailureCode.BLOB_CORRUPT, "The transcript and the recording are not of the same length."
            )
        on_progress(PCM_SHARE * info.duration, info.duration)
        with closing(Recording(pcm, info.channels, info.sample_rate)) as recording:
            cuts = within([*cuts_of(transcript, recording, policy.pad, before), *more], info.duration)
            sound = beep(info.sample_rate) if policy.mode == "beep" else silence
            for cut in cuts:
                recording.hide(cut, sound)
            values = np.concatenate(list(recording.peaks()), axis=1).round(3).tolist()
        on_progress(CUT_SHARE * info.duration, info.duration)
        encode(pcm, info.sample_rate, info.channels, master, player)
    on_progress(info.duration, info.duration)
    peaks = Peaks(per_second=PEAKS_PER_SECOND, duration=info.duration, channels=tuple(map(tuple, values)))
    return RedactedAudio(master=master, player=player, peaks=peaks, cuts=cuts)


def within(cuts: Iterable[Cut], duration: float) -> tuple[Cut, ...]:
    """The cuts in order, none longer than the call."""
    clipped = (
        msgspec.structs.replace(cut, start=round(min(cut.start, duration), 6), end=round(min(cut.end, duration), 6))
        for cut in cuts
    )
    return tuple(sorted(clipped, key=lambda cut: (cut.start, cut.channel, cut.end)))
