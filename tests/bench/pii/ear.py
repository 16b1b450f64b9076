"""After the ear: what of the personal data of a built call can be read when it was transcribed and anonymized."""

import hashlib
from collections import Counter
from functools import cache
from pathlib import Path

import pipeline.services.media
import pipeline.services.transcription
from pipeline import documents
from pipeline.config import config
from pipeline.documents import RedactionPolicy, Settings, Transcript
from pipeline.services import anonymization, entity_tagging, transcription
from tests.bench.pii.built import SPEAKERS, BuiltCall, Piece, built_calls
from tests.bench.pii.page import figure, left_out
from tests.bench.pii.readable import is_readable
from tests.bench.pii.voices import CACHE, missing

MODEL = "base"
TIMES = 3  # as many calls as the other parts have: a stretch in thirty is seen in many only
NEAR = 0.5  # seconds by which the times of a transcript may be wrong


def ear() -> None:
    """Say how many stretches can be read in the anonymized transcripts, and in the raw ones; per label."""
    if missing():
        left_out("anonymization-after-ear", missing())
        return
    all_of, read, raw = Counter[str](), Counter[str](), Counter[str]()
    for call in built_calls(TIMES):
        heard = heard_of(call)
        for piece in call.personal:
            for label in (piece.label, call.language, "all"):
                all_of[label] += 1
                raw[label] += can_be_read(piece, call, heard)
                read[label] += can_be_read(piece, call, anonymized(call))
    for label, many in all_of.items():
        note = f"% of {many} stretches can be read, {round(100 * raw[label] / many, 1)} % before"
        figure(f"anonymization-after-ear-{label}", 100 * read[label] / many, note)


def can_be_read(piece: Piece, call: BuiltCall, transcript: Transcript) -> bool:
    """Whether a datum stands in what its speaker says around its time. Words of other speech there do not count."""
    texts = [
        utterance.text
        for utterance in transcript.utterances
        if utterance.channel == piece.channel
        and utterance.start < piece.end + NEAR
        and piece.start < utterance.end + NEAR
    ]
    other = [each.text for each in call.pieces if not each.is_personal and each.channel == piece.channel]
    return any(is_readable(piece.values, text, call.language, but=other) for text in texts)


@cache
def anonymized(call: BuiltCall) -> Transcript:
    """The transcript as the cascade makes it."""
    heard = heard_of(call)
    return anonymization.anonymize(heard, entity_tagging.tag_entities(heard), RedactionPolicy()).transcript


@cache
def heard_of(call: BuiltCall) -> Transcript:
    """What the product's service writes down of a call; kept in the cache as long as that service stays the same."""
    key = hashlib.sha256(call.path.read_bytes() + _service().encode()).hexdigest()[:16]
    path = CACHE / f"{call.name}-{key}.transcript.json"
    if not path.exists():
        heard = transcription.transcribe(
            call.path,
            settings=Settings(),
            cache=config().models,
            language=call.language,
            channels=SPEAKERS,
            model=MODEL,
        )
        path.write_bytes(documents.encode(heard))
    return documents.decode(path.read_bytes(), Transcript)


@cache
def _service() -> str:
    """A hash of the code that transcribes."""
    folders = [Path(module.__path__[0]) for module in (pipeline.services.media, pipeline.services.transcription)]
    code = b"".join(path.read_bytes() for folder in folders for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(code).hexdigest()
