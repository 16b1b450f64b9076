"""What the blobs hold: the documents that event records point to.

Together with ``events.py`` this is the contract. A document is JSON, encoded by msgspec from these types:
strict to build, tolerant to read (unknown fields are ignored), fields only ever added with defaults.

Times (``start``, ``end``, ``duration``) are float seconds from the start of the call. Text offsets (``start_char``,
``end_char``) are half-open and count characters of the utterance's ``text``.

One invariant holds everywhere: the ``text`` of an utterance is its words joined by single spaces. So a text offset
names a word, and a word names a moment in the audio.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TypeVar

import msgspec

D = TypeVar("D", bound="Document")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A value that travels as a blob, or a part of one."""


class Word(Document):
    """A timed token. ``start`` and ``end`` are None when the engine could not place the word."""

    text: str
    start: float | None = None
    end: float | None = None
    probability: float = 1.0


class Utterance(Document):
    """What one speaker says without being interrupted. ``channel`` is the audio channel, from 0.

    ``flags`` are words from ``Flag``: why it should be trusted less.
    """

    index: int
    speaker: str
    channel: int
    start: float
    end: float
    text: str
    confidence: float = 1.0
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()


def offsets(words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where each word of an utterance stands in its text."""
    start = 0
    for word in words:
        yield start, start + len(word)
        start += len(word) + 1


def is_placeholder(text: str) -> bool:
    """Whether a word of a safe transcript stands for hidden ones: ``[LABEL_1]``."""
    label, _, number = text.strip("[]").rpartition("_")
    return text.startswith("[") and text.endswith("]") and label.isupper() and number.isdigit()


def without_placeholders(text: str) -> str:
    """The text of an utterance of a safe transcript without what stands for hidden words."""
    return " ".join(word for word in text.split() if not is_placeholder(word))


class Redaction(Document):
    """A stretch that is hidden, in text and audio. It never holds the hidden value.

    ``start_char`` and ``end_char`` are those of the placeholder in the anonymized text of the utterance.
    ``start`` and ``end`` are None when the stretch has no times: then all of the utterance is hidden in the audio.
    ``words`` is how many raw words the placeholder stands for; 0 in documents of before that was told.
    """

    label: str
    placeholder: str
    utterance: int
    channel: int
    start: float | None = None
    end: float | None = None
    start_char: int = 0
    end_char: int = 0
    detector: str = ""
    score: float = 1.0
    words: int = 0


class Withheld(Document):
    """A stretch for which the model wrote ``words`` words although nobody speaks in it; ``reason`` is from ``Flag``.

    They are not published, for they were not said; that they were written is.
    """

    channel: int
    start: float
    end: float
    words: int
    reason: str


class Transcript(Document):
    """A call in words. Utterances stand in order of their start; ``index`` is their position.

    ``redactions`` is empty in a raw transcript. ``flags`` are words from ``Flag``. ``channels`` is the number that
    were told apart: 1 stands for every channel of the audio, also where two carry the same sound (``DUAL_MONO``).
    ``language_probability`` is 1 for a language that was given, and 0 for one that was taken for want of another.
    """

    language: str
    duration: float
    utterances: tuple[Utterance, ...] = ()
    redactions: tuple[Redaction, ...] = ()
    language_probability: float = 1.0
    channels: int = 1
    engine: str = ""
    model: str = ""
    flags: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()


PROTECTED_LANGUAGES = ("en", "fr")
"""The languages in which personal data is looked for. A call in another is kept for a reviewer."""


def is_protected(transcript: Transcript) -> bool:
    """Whether personal data is looked for in a transcript's language. Where nobody speaks there is none."""
    return transcript.language in PROTECTED_LANGUAGES or not any(each.text for each in transcript.utterances)


class Flag(StrEnum):
    """Something about a call, or about an utterance of it, that a person should know."""

    NO_SPEECH = "no_speech"
    SILENT_CHANNEL = "silent_channel"
    DUAL_MONO = "dual_mono"
    SPEAKERS_BY_VOICE = "speakers_by_voice"
    UNSURE_LANGUAGE = "unsure_language"
    HALLUCINATION = "hallucination"
    MUSIC = "music"
    CLIPPED = "clipped"
    QUIET = "quiet"
    DAMAGED = "damaged"


class Entity(Document):
    """A named thing in the text of an utterance. ``label`` is spaCy's, folded to one set (PERSON, ORG, GPE, LOC, …)."""

    utterance: int
    label: str
    start_char: int
    end_char: int
    score: float = 1.0


class Entities(Document):
    """The entities of a call, in order of utterance and offset."""

    entities: tuple[Entity, ...] = ()


class Evidence(Document):
    """Where a tag comes from: an utterance, the moment, and the (anonymized) words."""

    utterance: int
    start: float
    end: float
    start_char: int
    end_char: int
    words: str


class Tag(Document):
    """A label given by a rule or a classifier. ``provenance`` says by which, as in ``rule:cancellation``."""

    tag: str
    name: str
    provenance: str
    score: float = 1.0
    evidence: tuple[Evidence, ...] = ()


class Tags(Document):
    """What a call is about."""

    tags: tuple[Tag, ...] = ()


class Peaks(Document):
    """The waveform of a player: per channel, ``per_second`` values a second between 0 and 1 (highest amplitude)."""

    per_second: int
    duration: float
    channels: tuple[tuple[float, ...], ...]


class Cut(Document):
    """A stretch of one channel that is hidden in the audio, and the redaction that asked for it.

    ``said_from`` and ``said_to`` are where the transcript has the words (None: it could not place them).
    ``cause`` is a ``Cause``.
    """

    channel: int
    start: float
    end: float
    cause: str
    label: str = ""
    placeholder: str = ""
    said_from: float | None = None
    said_to: float | None = None


class Cause(StrEnum):
    """Why a stretch of audio is hidden."""

    WORDS = "words"  # its words are hidden in the transcript
    UTTERANCE = "utterance"  # hidden words without times: all of the utterance
    ECHO = "echo"  # hidden words of the other channel can be heard in this one
    PERSON = "person"  # a person hid it in an earlier run; this one has no words there
    PROOF = "proof"  # the proof heard personal data at the edge of a cut
    UNREAD = "unread"  # it sounds after a question for personal data, and no word was read there


class Doubt(Document):
    """Personal data that could still be told when the redacted audio was heard again. It never holds the value."""

    label: str
    channel: int
    start: float
    end: float


class Verdict(StrEnum):
    """Whether a redaction holds."""

    PASSED = "passed"
    QUARANTINED = "quarantined"


class Receipt(Document):
    """The proof of one redaction: what was cut from which recording, what was heard again, and the verdict.

    Hashes are SHA-256 in hex of plain bytes. ``heard`` is how many seconds were transcribed again with
    ``proof_model``, ``widened`` what that made the cuts wider for, ``left`` what it could not silence.
    ``proof_sha256`` is that of its weights, ``detector_sha256`` of those of the learned detector that judged what was
    heard, ``settings_sha256`` of the settings with the policy; "" where that is not known.
    """

    cuts: tuple[Cut, ...]
    pad: float
    mode: str
    raw_sha256: str
    master_sha256: str
    player_sha256: str
    detector: str
    model: str
    proof_model: str
    heard: float
    verdict: str  # a ``Verdict``
    widened: tuple[Doubt, ...] = ()
    left: tuple[Doubt, ...] = ()
    reason: str = ""  # of the quarantine: a ``QuarantineReason``
    proof_sha256: str = ""
    detector_sha256: str = ""
    settings_sha256: str = ""


class Correction(Document):
    """A person's word on raw words ``first`` up to ``stop`` of an utterance: a label, or "" for no personal data."""

    utterance: int
    first: int
    stop: int
    label: str = ""


class Corrections(Document):
    """All corrections of a run, the latest last; where two speak of one word, the latest holds.

    ``anonymized``: they are about an anonymized transcript and redacted audio, since the raw ones are no more. Then
    its placeholders stay, and nothing else is looked for. ``channels`` is the speaker of each audio channel, or of
    each voice by who is heard first, where a person has said who they are (empty: as transcribed).
    """

    corrections: tuple[Correction, ...] = ()
    anonymized: bool = False
    channels: tuple[str, ...] = ()


class Rule(Document):
    """A condition on what is said; all that is set must hold.

    ``any``, ``all`` and ``none`` are phrases, matched on whole words, without regard to case and accents.
    ``speaker`` limits who says them, ``first`` and ``last`` to the first or last seconds of the call.
    ``within``: all phrases of ``all`` lie within that many seconds of each other.
    """

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    speaker: str = ""
    first: float | None = None
    last: float | None = None
    within: float | None = None


class TagDefinition(Document):
    """A tag of a taxonomy, given when any of its rules holds. ``name`` is for people, ``tag`` a slug for machines."""

    tag: str
    name: str
    rules: tuple[Rule, ...] = ()
    description: str = ""


class Taxonomy(Document):
    """An organization's tags and their rules."""

    tags: tuple[TagDefinition, ...] = ()


GENERALIZABLE = ("ADDRESS", "DATE_OF_BIRTH", "EMAIL")
"""The labels of which a part tells no one person: the town, the year, the host that everybody has (gmail.com)."""


class RedactionPolicy(Document):
    """What is hidden and how. Labels listed in ``keep`` stay in the clear; ``pad`` is seconds on either side.

    Of those in ``generalize`` (``GENERALIZABLE``) the part that tells no one person stays.
    ``agent_name``: an agent's own name stays. ``doubt``: whether what only might be personal data is hidden.
    """

    keep: tuple[str, ...] = ()
    mode: str = "silence"  # or "beep"
    pad: float = 0.15
    generalize: tuple[str, ...] = ()
    agent_name: bool = False
    doubt: bool = True


class HiddenBefore(Document):
    """Where a person hid words in an earlier run: what is said there is hidden as ``label`` again, whatever it is.

    ``channel`` None is every channel.
    """

    label: str
    channel: int | None
    start: float
    end: float


class Settings(Document):
    """The processing settings of one run, frozen when it starts. ``model`` "" is the one that the worker has loaded.

    ``hidden_before`` is what people hid in the call's earlier runs.
    """

    languages: tuple[str, ...] = ("en", "fr")
    vocabulary: tuple[str, ...] = ()
    model: str = ""
    max_duration: float = 4 * 3600.0
    redaction: RedactionPolicy = RedactionPolicy()
    taxonomy: Taxonomy = Taxonomy()
    hidden_before: tuple[HiddenBefore, ...] = ()


def encode(document: Document) -> bytes:
    """The JSON of a document."""
    return msgspec.json.encode(document)


def decode(data: bytes, kind: type[D]) -> D:
    """Read a document of a kind. Raises ``msgspec.ValidationError`` for any other JSON."""
    return msgspec.json.decode(data, type=kind)
