"""The proof of a redaction: the redacted audio is heard again where something was hidden, and must not tell it.

``hearing`` reads the stretches that were cut, and their edges, with another decoding (or model) than the first time;
``judging`` looks for personal data in what it hears. What is found widens the cuts, and the audio is made and heard
again; what then remains puts the call in quarantine. ``docs/decisions/0008-audio-proof.md`` says what that finds.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.documents import (
    Cause,
    Cut,
    Doubt,
    HiddenBefore,
    Receipt,
    RedactionPolicy,
    Transcript,
    Verdict,
    is_protected,
)
from pipeline.events import QuarantineReason
from pipeline.services import anonymization, audio_redaction
from pipeline.services.audio_redaction import RedactedAudio
from pipeline.services.redaction_proof.hearing import heard_in, read, windows_of
from pipeline.services.redaction_proof.judging import NEAR, Detect, doubts_in, is_placeholder
from pipeline.services.transcription.engine import Engine

__all__ = ["Proof", "Proven", "prove", "redact", "warm"]

SHARES = ((0.0, 0.8), (0.8, 0.9), (0.9, 1.0))  # of the work: the first making, and two with wider cuts
LONGER = 60.0  # seconds that a master may be longer than its transcript
WIDER = 0.2  # seconds on either side of what was still heard: the second hearing places words no better than the first


Progress = Callable[[float, float], None]  # how much is done, of how much


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was found in ``heard`` seconds of a redacted master; ``whole``: of all that was to be heard."""

    doubts: tuple[Doubt, ...]
    heard: float
    whole: bool = True

    @property
    def reason(self) -> str:
        """Why the audio cannot be given away; "" if it can."""
        if self.doubts:
            return QuarantineReason.STILL_HEARD
        return "" if self.whole else QuarantineReason.UNPROVEN


@dataclass(frozen=True, kw_only=True)
class Proven:
    """Redacted audio and the receipt for it."""

    audio: RedactedAudio
    receipt: Receipt


def warm(engine: Callable[[], Engine]) -> None:
    """Load the recognizer of the proof, so that the first call does not wait for it."""
    engine()


def prove(
    master: Path,
    transcript: Transcript,
    cuts: Sequence[Cut],
    policy: RedactionPolicy,
    *,
    engine: Engine,
    detect: Detect = anonymization.find_pii,
    about: Sequence[Cut] | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Proof:
    """Hear a redacted master (FLAC) again around its cuts, and wherever the safe transcript hides something.

    ``about``: only around these cuts, of a master that was heard before. ``on_progress`` is told the seconds heard.

    A doubt is a cut in which something sounds, or words at its edges that are personal data and not public: in the
    safe transcript, that is. Raises ExpectedFailure as ``media.decoded`` does.
    """
    expected = [*cuts, *_hidden(transcript, cuts)]
    windows = windows_of(expected if about is None else about)
    with read(master, expected, windows, policy.mode, transcript.duration + LONGER) as recording:
        doubts = [Doubt(label=cut.label, channel=cut.channel, start=cut.start, end=cut.end) for cut in recording.loud]
        hearing = heard_in(recording, windows, transcript.language, engine, on_progress)
        for window in windows:
            own = [it for it in hearing.words if it.channel == window.channel and window.start <= it.start < window.end]
            doubts += doubts_in(own, window, transcript, expected, policy.keep, detect)
    return Proof(doubts=tuple(doubts), heard=hearing.seconds, whole=hearing.whole)


def redact(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    out: Path,
    engine: Callable[[], Engine],
    proof_model: str,
    hint: str = "",
    before: Sequence[HiddenBefore] = (),
    detect: Detect = anonymization.find_pii,
    on_progress: Progress = lambda done, total: None,
) -> Proven:
    """Redact a recording, as ``audio_redaction.redact`` does, and prove it; what the proof finds is cut out too.

    ``engine`` gives the recognizer of the proof, if something is to be heard; ``proof_model`` is its name. What is
    still found after two rounds of wider cuts makes the verdict of the receipt "quarantined", and so does an engine
    that does not read all that it is asked for.
    """

    def make(share: tuple[float, float]) -> tuple[RedactedAudio, Proof]:
        middle = (share[0] + share[1]) / 2
        told = _part(on_progress, transcript.duration, share[0], middle)
        made = audio_redaction.redact(
            audio, transcript, policy, out=out, hint=hint, more=more, before=before, on_progress=told
        )
        if not made.cuts and not list(_hidden(transcript, ())):
            return made, Proof(doubts=(), heard=0.0)  # no model is loaded where nothing was hidden
        told = _part(on_progress, transcript.duration, middle, share[1])
        hear = partial(prove, engine=engine(), detect=detect, about=more or None, on_progress=told)
        return made, hear(made.master, transcript, made.cuts, policy)

    more: list[Cut] = []
    widened: list[Doubt] = []
    made, proof = make(SHARES[0])
    heard, whole = proof.heard, proof.whole
    for share in SHARES[1:]:
        if proof.doubts:
            widened += proof.doubts
            more += [_wider(doubt, made.cuts) for doubt in proof.doubts]
            made, proof = make(share)
            heard, whole = heard + proof.heard, whole and proof.whole
    on_progress(transcript.duration, transcript.duration)
    found = Proof(doubts=proof.doubts, heard=round(heard, 2), whole=whole)
    return Proven(audio=made, receipt=_receipt(audio, transcript, policy, made, proof_model, found, widened))


def _part(on_progress: Progress, duration: float, first: float, last: float) -> Progress:
    """Progress of a part of the work, told as seconds of the call."""

    def told(done: float, total: float) -> None:
        on_progress(duration * (first + (last - first) * (done / total if total else 1.0)), duration)

    return told


def _receipt(
    audio: Path,
    transcript: Transcript,
    policy: RedactionPolicy,
    made: RedactedAudio,
    proof_model: str,
    proof: Proof,
    widened: Sequence[Doubt],
) -> Receipt:
    reason = proof.reason if is_protected(transcript) else QuarantineReason.LANGUAGE_UNPROTECTED
    return Receipt(
        cuts=made.cuts,
        pad=policy.pad,
        mode=policy.mode,
        raw_sha256=_sha256(audio),
        master_sha256=_sha256(made.master),
        player_sha256=_sha256(made.player),
        detector=", ".join(sorted({redaction.detector for redaction in transcript.redactions if redaction.detector})),
        model=f"{transcript.engine}/{transcript.model}",
        proof_model=proof_model,
        heard=proof.heard,
        verdict=Verdict.QUARANTINED if reason else Verdict.PASSED,
        widened=tuple(widened),
        left=proof.doubts,
        reason=reason,
    )


def _wider(doubt: Doubt, cuts: Iterable[Cut]) -> Cut:
    """A cut of what was still heard, up to the cut beside it."""
    start, end = max(0.0, doubt.start - WIDER), doubt.end + WIDER
    beside = [cut for cut in cuts if cut.channel == doubt.channel and cut.start < end + NEAR and start - NEAR < cut.end]
    start = min([start, *(cut.end for cut in beside if cut.end < start)])
    end = max([end, *(cut.start for cut in beside if cut.start > end)])
    return Cut(channel=doubt.channel, start=start, end=end, cause=Cause.PROOF, label=doubt.label)


def _hidden(transcript: Transcript, cuts: Sequence[Cut]) -> Iterator[Cut]:
    """Where the safe transcript hides words that no cut covers: all of an utterance, where they have no times."""
    for utterance in transcript.utterances:
        for word in utterance.words:
            if is_placeholder(word.text):
                start = word.start if word.start is not None and word.end is not None else utterance.start
                end = word.end if word.start is not None and word.end is not None else utterance.end
                own = (it for it in cuts if it.channel == utterance.channel or it.placeholder == word.text)
                if not any(cut.start <= start and end <= cut.end for cut in own):
                    label = word.text.strip("[]").rpartition("_")[0]
                    yield Cut(channel=utterance.channel, start=start, end=end, cause=Cause.WORDS, label=label)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
