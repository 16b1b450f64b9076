"""Anonymization: personal data out of what was said, in text and words alike.

``reading`` makes a call's words to tokens, numbers and letters; the rules (``numbers``, ``names``, ``contact``,
``places``, ``dates``, ``credentials``, ``spellings``, ``echoes``) find personal data in it, with what ``words.*.toml``
says of each language; ``detectors`` runs them in the frame of scrubadub; ``policy`` says what of it is hidden,
``corrections`` puts the word of people above both; ``redaction`` writes the safe transcript.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

from pipeline.documents import Corrections, Entities, HiddenBefore, RedactionPolicy, Transcript
from pipeline.services.anonymization.reading import Line, read_call
from pipeline.services.anonymization.vocabulary import vocabulary_of

PEOPLE, TOWNS = ("PERSON",), ("GPE", "LOC")  # labels of entities
NONE, HIDE_ALL = Corrections(), RedactionPolicy()


class Anonymized(NamedTuple):
    """The safe transcript with its redactions, and the entities that survive, with offsets in its text."""

    transcript: Transcript
    entities: Entities


class Span(NamedTuple):
    """Personal data in plain text: ``start_char`` up to ``end_char`` of an utterance (its number), and its label."""

    utterance: int
    start_char: int
    end_char: int
    label: str
    detector: str
    score: float


def warm(languages: Iterable[str]) -> None:
    """Load what detection needs, so that the first call does not wait for it (scrubadub alone takes some seconds)."""
    for language in languages:
        vocabulary_of(language)
        find_pii([("", "one two three")], language)


def anonymize(
    transcript: Transcript,
    entities: Entities,
    policy: RedactionPolicy,
    corrections: Corrections = NONE,
    before: Sequence[HiddenBefore] = (),
) -> Anonymized:
    """Replace every stretch of personal data by a placeholder, except for what the policy leaves in the clear.

    A stretch is widened to whole words and becomes one word, from the start of its first to the end of its last. Its
    redaction has no times if any of its words has none. An entity that touches a redaction is dropped.

    ``corrections`` are what people said of the result before: what they hid is hidden, also where it is said again,
    and what they showed stays, whatever the policy and the detectors say. ``before`` is what they hid in earlier runs:
    hidden too, unless the corrections show it.
    """
    from pipeline.services.anonymization.corrections import corrected, hide_more, verdicts_of, with_speakers
    from pipeline.services.anonymization.detectors import detect
    from pipeline.services.anonymization.policy import hidden
    from pipeline.services.anonymization.redaction import redact, surviving, with_words

    if corrections.anonymized:
        return Anonymized(*hide_more(transcript, entities, corrections))
    utterances = tuple(map(with_words, with_speakers(transcript.utterances, corrections.channels)))
    transcript = msgspec.structs.replace(transcript, utterances=utterances)
    call = read_call([(utterance.speaker, utterance.text) for utterance in transcript.utterances], transcript.language)
    places = {utterance.index: place for place, utterance in enumerate(transcript.utterances)}
    call.people = _offsets(call.lines, entities, places, PEOPLE)
    found = hidden(call, detect(call, doubt=policy.doubt), policy, _offsets(call.lines, entities, places, TOWNS))
    verdicts = verdicts_of(corrections, transcript, before)
    safe, rewritten = redact(transcript, call, corrected(found, verdicts, call, transcript.utterances))
    return Anonymized(safe, surviving(entities, transcript, rewritten))


def find_pii(
    utterances: Sequence[tuple[str, str]],
    language: str,
    entities: Entities | None = None,
    policy: RedactionPolicy = HIDE_ALL,
) -> list[Span]:
    """Find personal data in plain text, of what a policy hides: (speaker, text) of each utterance, in order.

    ``entities`` are those that ``entity_tagging`` found in these texts; names that nobody introduces rest on them.
    """
    from pipeline.services.anonymization.detectors import detect
    from pipeline.services.anonymization.policy import hidden

    call = read_call(utterances, language)
    places = {number: number for number in range(len(utterances))}
    call.people = _offsets(call.lines, entities or Entities(), places, PEOPLE)
    towns = _offsets(call.lines, entities or Entities(), places, TOWNS)
    spans: list[Span] = []
    for found in hidden(call, detect(call, doubt=policy.doubt), policy, towns):
        number = call.line_at(found.start)
        offset = call.lines[number].start
        place = (number, found.start - offset, found.end - offset)
        spans.append(Span(*place, found.label, found.detector, found.score))
    return spans


def asked_for(utterances: Sequence[tuple[str, str]], language: str) -> list[str]:
    """For each utterance (speaker, text), the label of personal data that it asks for or announces; "" for none."""
    from pipeline.services.anonymization.context import HARMLESS

    last = [cues[-1].told if cues else "" for cues in read_call(utterances, language).cues]
    return ["" if told in HARMLESS else told for told in last]


@cache
def weights_sha256(language: str) -> str:
    """The SHA-256 of the learned detector's weights that read a language."""
    from pipeline.services.anonymization.model import weights_of

    return hashlib.sha256(weights_of(language).read_bytes()).hexdigest()


def _offsets(
    lines: Sequence[Line], entities: Entities, places: dict[int, int], labels: tuple[str, ...]
) -> list[tuple[int, int]]:
    """The offsets, in the text of the call, of the entities with these labels. ``places``: the line of an utterance."""
    known = [each for each in entities.entities if each.label in labels and each.utterance in places]
    starts = [lines[places[each.utterance]].start for each in known]
    return [(start + each.start_char, start + each.end_char) for start, each in zip(starts, known, strict=True)]
