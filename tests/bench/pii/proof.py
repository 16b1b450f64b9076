"""The proof of redacted audio: leaks that are planted on purpose and found, clean calls that pass.

Planted in calls whose transcript has exact times, each leak a stretch of ``LEAST`` seconds or more that can be heard:

* uncut: one redaction was left out when the audio was cut;
* beside: the transcript has it a stretch too early or too late, so that something else was cut;
* half: the transcript has only its second half, so that the first can be heard.

A leak is found when the proof doubts something within ``NEAR`` seconds of it. Clean calls are cut by the exact times.
Last, the whole cascade with its proof, which widens cuts and puts calls in quarantine, on transcribed words.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pipeline.config import config
from pipeline.documents import Redaction, RedactionPolicy, Settings, Transcript, Verdict
from pipeline.services import audio_redaction, redaction_proof, transcription
from tests.bench.pii.audio import counted, exact, first_frame, last_frame, said_of, samples_of, silenced
from tests.bench.pii.built import BuiltCall, Piece, built_calls
from tests.bench.pii.ear import anonymized
from tests.bench.pii.page import figure, left_out
from tests.bench.pii.voices import missing

LEAST, NEAR = 0.3, 0.5  # seconds
POLICY = RedactionPolicy()


class Planted(NamedTuple):
    """A transcript that hides the wrong stretch, or one to hide less by than it says; and what can be heard then."""

    kind: str
    cut_by: Transcript
    told: Transcript
    piece: Piece


def proof() -> None:
    """Say what the proof finds, what it passes, and what the cascade with it is worth."""
    if why := missing():
        left_out("anonymization-proof", why)
        return
    planted, found, clean, passed = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for call in built_calls():
        passes = not _doubts(call, exact(call), exact(call))[1]
        for language in (call.language, "all"):
            clean[language] += 1
            passed[language] += passes
        for plant in _plants(call):
            audible, doubts = _doubts(call, plant.cut_by, plant.told, plant.piece)
            if audible >= LEAST:
                near = any(_is_near(doubt, plant.piece) for doubt in doubts)
                for kind in (plant.kind, "all"):
                    planted[kind] += 1
                    found[kind] += near
    for kind, many in planted.items():
        figure(f"anonymization-proof-finds-{kind}", 100 * found[kind] / many, f"% of {many} planted leaks")
    for language, many in clean.items():
        figure(f"anonymization-proof-passes-{language}", 100 * passed[language] / many, f"% of {many} clean calls")
    _cascade()


def _plants(call: BuiltCall) -> Iterator[Planted]:
    """Three leaks of a call, each of another of its stretches if it has so many."""
    told, pieces = exact(call), call.personal
    for number, kind in enumerate(("uncut", "beside", "half")):
        piece = pieces[number * len(pieces) // 3]
        redaction = next(it for it in told.redactions if it.start == piece.start and it.channel == piece.channel)
        others = tuple(it for it in told.redactions if it is not redaction)
        if kind == "uncut":
            yield Planted(kind, msgspec.structs.replace(told, redactions=others), told, piece)
            continue
        length = piece.end - piece.start
        later = piece.start < told.duration / 2
        start = piece.start + length / 2 if kind == "half" else piece.start + (1 if later else -1) * (length + 0.6)
        wrong = _moved(told, redaction, start, piece.end if kind == "half" else start + length)
        yield Planted(kind, wrong, wrong, piece)


def _moved(told: Transcript, redaction: Redaction, start: float, end: float) -> Transcript:
    """A transcript in which a redaction and its placeholder have other times."""
    times = {"start": start, "end": end}
    utterance = told.utterances[redaction.utterance]
    words = tuple(
        msgspec.structs.replace(word, **times) if word.start == redaction.start else word for word in utterance.words
    )
    changed = msgspec.structs.replace(utterance, words=words)
    return msgspec.structs.replace(
        told,
        utterances=tuple(changed if each is utterance else each for each in told.utterances),
        redactions=tuple(
            msgspec.structs.replace(each, **times) if each is redaction else each for each in told.redactions
        ),
    )


def _doubts(call: BuiltCall, cut_by: Transcript, told: Transcript, piece: Piece | None = None) -> tuple[float, Any]:
    """Seconds of a piece that can be heard when the audio was cut by one transcript, and what the proof then doubts.

    All cuts are heard again, or those near the piece.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = audio_redaction.redact(call.path, cut_by, POLICY, out=Path(folder))
        audible, about = 0.0, None
        if piece:
            silent = silenced(samples_of(made.master))[piece.channel, first_frame(piece) : last_frame(piece)]
            audible = float((~silent).sum()) / 100
            about = [cut for cut in made.cuts if cut.channel == piece.channel and _is_near(cut, piece, 5.0)]
        if piece and audible < LEAST:
            return audible, ()
        with audio_redaction.cut(call.path, cut_by, POLICY) as cut:
            found = redaction_proof.prove(
                cut.recording, told, cut.cuts, POLICY, engine=proof_engine(), about=about or None
            )
    return audible, found.doubts


def _is_near(each: Any, piece: Piece, near: float = NEAR) -> bool:
    """Whether a doubt or cut lies at a piece."""
    same = each.channel == piece.channel
    return bool(same and each.start < piece.end + near and piece.start - near < each.end)


@cache
def proof_engine() -> Any:
    """The recognizer that the worker uses for the proof."""
    return transcription.load("faster-whisper", config().proof_model, transcription.CPU, config().models)


def _cascade() -> None:
    """The audio that the whole cascade gives, and how many calls it keeps back. Those may hold what they hold."""
    count, kept_back = Counter[str](), 0
    for call in built_calls():
        with tempfile.TemporaryDirectory() as folder:
            proven = redaction_proof.redact(
                call.path,
                anonymized(call),
                Settings(redaction=POLICY),
                out=Path(folder),
                engine=proof_engine,
                proof_model=config().proof_model,
            )
            if proven.receipt.verdict == Verdict.QUARANTINED:
                kept_back += 1
            else:
                count += counted(call, samples_of(proven.audio.master))
    figure("anonymization-proof-keeps-back", 100 * kept_back / len(built_calls()), f"% of {len(built_calls())} calls")
    said_of("proved", count)
