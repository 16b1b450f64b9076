"""The detectors, in the frame of scrubadub: its scrubber runs ours beside its own and merges what they find.

A rule of ours is a function from a call to matches; ``RuleDetector`` makes a scrubadub detector of what it finds. A new
rule is one more line of ``RULES``. The learned model sees what the rules found, and adds to it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from pipeline.services.anonymization.contact import find_emails, find_urls
from pipeline.services.anonymization.context import Match, Score
from pipeline.services.anonymization.credentials import find_credentials
from pipeline.services.anonymization.dates import find_dates_of_birth
from pipeline.services.anonymization.echoes import find_echoes
from pipeline.services.anonymization.frame import Detector, Filth, MergedFilth, scrubadub
from pipeline.services.anonymization.languages import foreign_lines
from pipeline.services.anonymization.model import model_of, opinion_of
from pipeline.services.anonymization.names import find_common_names, find_entity_names, find_introduced_names
from pipeline.services.anonymization.numbers import find_numbers
from pipeline.services.anonymization.places import find_addresses
from pipeline.services.anonymization.reading import Call
from pipeline.services.anonymization.spellings import find_spellings
from pipeline.services.anonymization.vocabulary import vocabulary_of

Rule = Callable[[Call], Iterable[Match]]

RULES: dict[str, Rule] = {
    "parley_numbers": find_numbers,
    "parley_dates": find_dates_of_birth,
    "parley_emails": find_emails,
    "parley_urls": find_urls,
    "parley_addresses": find_addresses,
    "parley_credentials": find_credentials,
    "parley_spellings": find_spellings,
    "spacy_names": find_entity_names,
    "parley_introductions": find_introduced_names,
    "parley_names": find_common_names,
}
# scrubadub's own detectors, and our labels for their types of filth. Its credential detector takes the rest of the
# text with it, its e-mail one takes "me at 555-0142." for an address, its postal codes, dates of
# birth and number plates are ours by context, TextBlob needs a download. Its phone numbers cost a third of the whole
# and were, in 40 chats, 250 sentences and 500 invented calls, none that ours are not.
OWN = {
    "credit_card": "CARD",
    "social_security_number": "SSN",
    "twitter": "USERNAME",
    "url": "URL",
}
LOCALES = {"en": ("en_US", "en_GB"), "fr": ("fr_FR",)}
# Of two labels as certain as each other for the same words, the one named first holds.
LABELS = (
    "PASSWORD", "CARD", "IBAN", "NIR", "SSN", "EMAIL", "URL", "CVV", "PIN", "CARD_EXPIRY", "DATE_OF_BIRTH", "PHONE",
    "ADDRESS", "BOOKING", "USERNAME", "ACCOUNT", "NAME",
)  # fmt: skip


LONGEST_GAP = 5  # tokens between two parts of an address


class Found(NamedTuple):
    """A stretch of the call's text that is personal data."""

    start: int
    end: int
    label: str
    detector: str
    score: float


class Finding(Filth):  # type: ignore[misc]
    """Filth with a label of ours and a score."""

    type = "pii"

    def __init__(self, label: str, score: float, **place: Any) -> None:
        super().__init__(**place)
        self.label = label
        self.score = score


class RuleDetector(Detector):  # type: ignore[misc]
    """What a rule of ours, or the model, finds in one call, as a detector of scrubadub."""

    name = "parley"

    def __init__(self, name: str, matches: Iterable[Match], call: Call) -> None:
        super().__init__(name=name)
        self.matches = matches
        self.call = call

    def iter_filth(self, text: str, document_name: str | None = None) -> Iterator[Finding]:
        for match in self.matches:
            start, end = self.call.tokens[match.first].start, self.call.tokens[match.last].end
            if match.label == "PHONE" and text[:start].endswith("+"):
                start -= 1
            place = {"beg": start, "end": end, "text": text[start:end], "document_name": document_name}
            yield Finding(match.label, match.score, detector_name=self.name, **place)


def matches_of(call: Call) -> dict[str, list[Match]]:
    """What each rule finds in a call."""
    return {name: list(rule(call)) for name, rule in RULES.items()}


def detect(call: Call, *, doubt: bool = True) -> list[Found]:
    """All personal data of a call, in order, no two stretches overlapping; without ``doubt`` only what surely is."""
    matches = united(call)
    other, foreign = foreign_lines(call)
    if foreign:
        again = united(Call(call.text, call.lines, call.tokens, vocabulary_of(other), call.people))
        for name, there in again.items():
            here = [each for each in matches[name] if call.line_of(each.first) not in foreign]
            matches[name] = here + [each for each in there if call.line_of(each.first) in foreign]
    found = _scrub(call, {name: RuleDetector(name, each, call) for name, each in matches.items()}, own=True)
    found = [each for each in found if doubt or each.score > Score.DOUBT]
    found = _joined(call, found)
    known = [(each.start, each.end, each.label) for each in found]
    echoes = [each for each in find_echoes(call, known) if not _is_within(call, each, found)]
    if not echoes:
        return found
    return _scrub(
        call, {"parley_echoes": RuleDetector("parley_echoes", echoes, call), "found": _Kept(found)}, own=False
    )


def _joined(call: Call, found: Sequence[Found]) -> list[Found]:
    """Findings, those of an address that a word or so parts as one: "2185 *St. Cuthbert's* Charis, apartment 1"."""
    joined: list[Found] = []
    for each in found:
        if joined and _is_one_address(call, joined[-1], each):
            before = joined.pop()
            each = before._replace(end=each.end, score=max(before.score, each.score))
        joined.append(each)
    return joined


def _is_one_address(call: Call, first: Found, second: Found) -> bool:
    """Whether what stands between two parts of an address belongs to it."""
    if not first.label == second.label == "ADDRESS":
        return False
    line = call.line_at(first.start)
    if line != call.line_at(second.start):
        return False
    between = [call.tokens[at] for at in call.tokens_in(call.lines[line], first.end, second.start)]
    words = call.words
    outside = (words.address_stop, words.clauses, words.acknowledgements, words.number_words, "?!")
    return len(between) <= LONGEST_GAP and not any(token.fold in every for token in between for every in outside)


def _is_within(call: Call, match: Match, found: Sequence[Found]) -> bool:
    """Whether a match lies in one of some stretches, which are in order."""
    start, end = call.tokens[match.first].start, call.tokens[match.last].end
    place = bisect_right(found, start, key=lambda each: each.start) - 1
    return place >= 0 and end <= found[place].end


def united(call: Call) -> dict[str, list[Match]]:
    """What the rules and the model find. Where the model sees nothing personal at all, what a rule found is let go.

    What the model finds where a rule saw a number or a spelled name, though nobody told which, has the rule's label.
    """
    matches = matches_of(call)
    model = model_of(call.words.language)
    opinion = opinion_of(call, matches, model)
    kept = {
        name: [narrow for each in found if (narrow := opinion.narrowed(each, model.limits))]
        for name, found in matches.items()
    }
    untold = {each.first: each.label for each in kept["parley_numbers"] if each.score <= Score.SHAPE}
    found = [each._replace(label=untold.get(each.first, each.label)) for each in opinion.matches]
    return kept | {"parley_model": found}


class _Kept(Detector):  # type: ignore[misc]
    """What a first pass has found, again, so that the scrubber merges a second pass with it."""

    name = "found"

    def __init__(self, found: list[Found]) -> None:
        super().__init__()
        self.found = found

    def iter_filth(self, text: str, document_name: str | None = None) -> Iterator[Finding]:
        for start, end, label, detector, score in self.found:
            place = {"beg": start, "end": end, "text": text[start:end], "document_name": document_name}
            yield Finding(label, score, detector_name=detector, **place)


def _scrub(call: Call, detectors: dict[str, Any], *, own: bool) -> list[Found]:
    scrubber = scrubadub.Scrubber(detector_list=[], post_processor_list=[], locale=LOCALES[call.words.language][0])
    for detector in detectors.values():
        scrubber.add_detector(detector)
    for detector in _own_detectors(call.words.language) if own else ():
        scrubber.add_detector(detector, warn=False)
    return [_best(filth) for filth in scrubber.iter_filth(call.text)]


@cache
def _own_detectors(language: str) -> list[Any]:
    """scrubadub's detectors for a language. To look one up takes it milliseconds, so they are kept."""
    locales = LOCALES[language]
    detectors: list[Any] = []
    catalogue = scrubadub.detectors.catalogue.detector_catalogue
    for locale in locales:
        for kind in OWN:
            detector = catalogue.get(kind)
            regional = hasattr(detector, "supported_locale")
            if detector.supported_locale(locale) if regional else locale == locales[0]:
                name = f"scrubadub_{kind}_{locale}" if regional else f"scrubadub_{kind}"
                detectors.append(detector(name=name, locale=locale))
    return detectors


def _best(filth: Any) -> Found:
    """The stretch of a filth; the label is that of the surest of those merged in it, and the longest of these."""
    parts = filth.filths if isinstance(filth, MergedFilth) else [filth]
    rated = [(part.label, part.score) if isinstance(part, Finding) else (OWN[part.type], Score.SHAPE) for part in parts]
    lengths = [part.end - part.beg for part in parts]
    best = max(range(len(parts)), key=lambda at: (rated[at][1], lengths[at], -LABELS.index(rated[at][0])))
    label, score = rated[best]
    return Found(filth.beg, filth.end, label, parts[best].detector_name, score)
