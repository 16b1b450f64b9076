"""The proof of a redaction: the redacted audio is heard again where something was hidden, and must not tell it.

``hearing`` reads the stretches that were cut, and their edges, with another decoding (or model) than the first time;
``judging`` looks for personal data in what it hears. What is found widens the cuts, and that is heard again; what then
remains puts the call in quarantine. The files are made last. ``docs/decisions/0008-audio-proof.md`` says what it finds.
"""

import filecmp
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.documents import (
    Cause,
    Cut,
    Doubt,
    Receipt,
    RedactionPolicy,
    Settings,
    Transcript,
    Verdict,
    is_placeholder,
    is_protected,
)
from pipeline.events import QuarantineReason
from pipeline.services import anonymization, audio_redaction, media
from pipeline.services.audio_redaction import CutRecording, Recording, RedactedAudio
from pipeline.services.redaction_proof.hearing import heard_in, read, windows_of
from pipeline.services.redaction_proof.judging import NEAR, Detect, doubts_in
from pipeline.services.transcription.engine import Engine

__all__ = ["Proof", "Proven", "prove", "redact", "warm"]

SHARES = ((0.2, 0.8), (0.8, 0.85), (0.85, 0.9))  # of the work: the first hearing, and two after wider cuts
LONGER = 1.0  # seconds that a master may be longer than what it was made of, to be found too long
WIDER = 0.2  # seconds on either side of what was still heard: the second hearing places words no better than the first


Progress = Callable[[float, float], None]  # how much is done, of how much


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was found in ``heard`` seconds of a redacted recording; ``whole``: of all that was to be heard.

    ``widened`` is what was found before, and is cut out.
    """

    doubts: tuple[Doubt, ...] = ()
    heard: float = 0.0
    whole: bool = True
    widened: tuple[Doubt, ...] = ()

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
    recording: Recording,
    transcript: Transcript,
    cuts: Sequence[Cut],
    policy: RedactionPolicy,
    *,
    engine: Engine,
    detect: Detect | None = None,
    about: Sequence[Cut] | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Proof:
    """Hear a redacted recording again around its cuts, and wherever the safe transcript hides something.

    ``about``: only around these cuts, of a recording that was heard before. ``detect``: what finds personal data; by
    default the detectors, of what the policy hides. ``on_progress`` is told the seconds heard.

    A doubt is a cut in which something sounds, or words at its edges that are personal data and not public: in the
    safe transcript, that is.
    """
    detect = detect or partial(anonymization.find_pii, policy=policy)
    expected = [*cuts, *_hidden(transcript, cuts)]
    windows = windows_of(expected if about is None else about)
    with read(recording, expected, windows, policy.mode) as redacted:
        doubts = [Doubt(label=cut.label, channel=cut.channel, start=cut.start, end=cut.end) for cut in redacted.loud]
        hearing = heard_in(redacted, windows, transcript.language, engine, on_progress)
    for window in windows:
        own = [it for it in hearing.words if it.channel == window.channel and window.start <= it.start < window.end]
        doubts += doubts_in(own, window, transcript, expected, detect)
    return Proof(doubts=tuple(doubts), heard=hearing.seconds, whole=hearing.whole)


def redact(
    audio: Path,
    transcript: Transcript,
    settings: Settings,
    *,
    out: Path,
    engine: Callable[[], Engine],
    proof_model: str,
    proof_weights: Callable[[], str] = lambda: "",
    settings_sha256: str = "",
    hint: str = "",
    detect: Detect | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Proven:
    """Redact a recording, as ``audio_redaction.redact`` does, and prove it; what the proof finds is cut out too.

    ``engine`` gives the recognizer of the proof, if something is to be heard; ``proof_model`` is its name,
    ``proof_weights`` tells the SHA-256 of its weights, ``settings_sha256`` is that of the settings as they are stored.
    What makes the verdict of the receipt "quarantined": what is still found after two rounds of wider cuts, an engine
    that does not read all that it is asked for, a master that has other samples than were heard, a language without
    detection.
    """
    duration, policy = transcript.duration, settings.redaction
    with audio_redaction.cut(audio, transcript, policy, hint=hint, before=settings.hidden_before) as cut:
        on_progress(SHARES[0][0] * duration, duration)
        proof = Proof()
        if cut.cuts or any(_hidden(transcript, ())):  # no model is loaded where nothing was hidden
            told = partial(_part, on_progress, duration)
            proof = _until_silent(cut, transcript, policy, engine=engine(), detect=detect, told=told)
        made = cut.write(out)
        proof = replace(proof, whole=proof.whole and _holds(made.master, cut))
    on_progress(duration, duration)
    decided = {"proof_model": proof_model, "proof_sha256": proof_weights(), "settings_sha256": settings_sha256}
    return Proven(audio=made, receipt=_receipt(audio, transcript, policy, made, proof, decided))


def _until_silent(
    cut: CutRecording,
    transcript: Transcript,
    policy: RedactionPolicy,
    *,
    engine: Engine,
    detect: Detect | None,
    told: Callable[[float, float], Progress],
) -> Proof:
    """Prove a recording; what is found is cut out too, and heard again around that."""
    hear = partial(prove, cut.recording, transcript, policy=policy, engine=engine, detect=detect)
    proofs = [hear(cut.cuts, on_progress=told(*SHARES[0]))]
    widened: list[Doubt] = []
    more: list[Cut] = []
    for share in SHARES[1:]:
        if doubts := proofs[-1].doubts:
            wider = [_wider(doubt, cut.cuts) for doubt in doubts]
            cut.hide(wider)
            widened, more = [*widened, *doubts], [*more, *wider]
            proofs.append(hear(cut.cuts, about=more, on_progress=told(*share)))
    return Proof(
        doubts=proofs[-1].doubts,
        heard=round(sum(proof.heard for proof in proofs), 2),
        whole=all(proof.whole for proof in proofs),
        widened=tuple(widened),
    )


def _holds(master: Path, cut: CutRecording) -> bool:
    """Whether a master has, decoded, the very samples that were heard."""
    with tempfile.TemporaryDirectory(prefix="master-") as scratch:
        pcm = Path(scratch, "pcm")
        media.write_samples(master, pcm, hint=audio_redaction.MASTER_TYPE, max_duration=cut.duration + LONGER)
        return filecmp.cmp(pcm, cut.pcm, shallow=False)


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
    proof: Proof,
    decided: Mapping[str, str],
) -> Receipt:
    """The receipt; ``decided`` are its fields that tell with what it was proven."""
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
        heard=proof.heard,
        verdict=Verdict.QUARANTINED if reason else Verdict.PASSED,
        widened=proof.widened,
        left=proof.doubts,
        reason=reason,
        detector_sha256=anonymization.weights_sha256(transcript.language),
        **decided,
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
