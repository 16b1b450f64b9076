"""Audio redaction: takes the hidden stretches of a transcript out of its recording.

The recording is decoded once to samples; ``edges`` finds where hidden words really start and end, ``echo`` whether the
other channel repeats them, ``cuts`` makes of both what is overwritten where it lies, ``unread`` finds answers without a
word; new files are made of what remains (``samples``). ``docs/decisions/0005-audio-formats.md`` says why the formats
are what they are, ``0008-audio-proof.md`` how cuts are placed, as measured.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
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
from pipeline.services.audio_redaction.unread import unread
from pipeline.services.errors import ExpectedFailure

__all__ = [
    "BEEP_LEVEL",
    "MASTER_TYPE",
    "PLAYER_TYPE",
    "CutRecording",
    "Recording",
    "RedactedAudio",
    "around",
    "beep",
    "cut",
    "public_words",
    "redact",
    "silence",
]

MASTER_TYPE, PLAYER_TYPE = "audio/flac", "audio/mpeg"
TOLERANCE = 1.0  # seconds between the lengths of transcript and recording: codecs pad


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


class CutRecording:
    """The samples of a recording, in the file ``pcm``, with ``cuts`` of it hidden: to be heard, cut more, written."""

    def __init__(self, pcm: Path, info: media.AudioInfo, mode: str) -> None:
        self.pcm, self.duration = pcm, info.duration
        self.recording = Recording(pcm, info.channels, info.sample_rate)
        self.cuts: tuple[Cut, ...] = ()
        self._sound = beep(info.sample_rate) if mode == "beep" else silence

    def hide(self, cuts: Iterable[Cut]) -> None:
        """Hide these too, none longer than the call."""
        more = within(cuts, self.duration)
        for cut in more:
            self.recording.hide(cut, self._sound)
        self.cuts = tuple(sorted((*self.cuts, *more), key=lambda cut: (cut.start, cut.channel, cut.end)))

    def write(self, out: Path) -> RedactedAudio:
        """Write ``master.flac`` and ``player.mp3`` to a folder."""
        master, player = out.resolve() / "master.flac", out.resolve() / "player.mp3"
        encode(self.pcm, self.recording.sample_rate, self.recording.channels, master, player)
        values = np.concatenate(list(self.recording.peaks()), axis=1).round(3).tolist()
        peaks = Peaks(per_second=PEAKS_PER_SECOND, duration=self.duration, channels=tuple(map(tuple, values)))
        return RedactedAudio(master=master, player=player, peaks=peaks, cuts=self.cuts)


def redact(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    out: Path,
    hint: str = "",
    before: Sequence[HiddenBefore] = (),
) -> RedactedAudio:
    """Hide every redaction of a transcript in its recording, as ``cut`` does, and write what remains."""
    with cut(audio, transcript, policy, hint=hint, before=before) as made:
        return made.write(out)


@contextmanager
def cut(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    hint: str = "",
    before: Sequence[HiddenBefore] = (),
) -> Iterator[CutRecording]:
    """A recording in which every redaction of a transcript is hidden, while the block lasts.

    Each stretch, from edge to edge of its sound (``edges.widened``, by ``policy.pad``), is silence or (``policy.mode``
    "beep") a tone, on its own channel and where the other has its echo. In doubt more is hidden: see ``cuts.cuts_of``,
    and ``unread`` for answers without a word.
    ``before`` is what people hid in earlier runs, ``hint`` the media type that the recording's name suggests.

    Raises ExpectedFailure as ``media.decoded`` does, and LENGTHS_DIFFER when the times of the transcript cannot be
    those of the recording.
    """
    longest = max(media.MAX_DURATION, transcript.duration + TOLERANCE)  # it was short enough to be transcribed
    with tempfile.TemporaryDirectory(prefix="redact-") as scratch:
        pcm = Path(scratch, "pcm")
        info = media.write_samples(audio, pcm, hint=hint, max_duration=longest)
        if abs(info.duration - transcript.duration) > TOLERANCE:
            raise ExpectedFailure(
                FailureCode.LENGTHS_DIFFER, "The transcript and the recording are not of the same length."
            )
        made = CutRecording(pcm, info, policy.mode)
        with closing(made.recording):
            made.hide(cuts_of(transcript, made.recording, policy.pad, before))
            made.hide(unread(transcript, made.recording, policy))
            yield made


def within(cuts: Iterable[Cut], duration: float) -> tuple[Cut, ...]:
    """The cuts, none longer than the call."""
    return tuple(
        msgspec.structs.replace(cut, start=round(min(cut.start, duration), 6), end=round(min(cut.end, duration), 6))
        for cut in cuts
    )
