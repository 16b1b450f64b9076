"""Dates: those of birth are hidden, others stay and are kept from being taken for numbers."""

import re
from collections.abc import Iterator

from pipeline.services.anonymization.context import Match, Score, cues_for
from pipeline.services.anonymization.reading import Call, Item, Kind

WRITTEN = re.compile(
    r"(?<![\d/.-])(?:(?:0?[1-9]|[12]\d|3[01])([/.-])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d)"
    r"|(?:19|20)\d\d-(?:0\d|1[0-2])-(?:[0-2]\d|3[01]))(?![\d/-])"
)
LABELS = ("DATE_OF_BIRTH", "CARD_EXPIRY")
REACH = 12  # tokens between "born" and the date


def find_dates_of_birth(call: Call) -> Iterator[Match]:
    """Dates that are said to be of birth, or of a card's expiry."""
    for index, spans in enumerate(call.dates):
        for first, last in spans:
            for label in LABELS:
                cues = cues_for(call, index, label)
                near = any(max(first - cue.last, cue.first - last) <= REACH for cue in cues)
                if near or (label in call.expected[index] and not call.cues[index]):
                    yield Match(first, last, label, Score.TOLD)
                    break


def find_dates(call: Call) -> list[list[tuple[int, int]]]:
    """For each utterance, the tokens (first, last) of its dates with a month in words or all in figures."""
    return [_dates(call, index) for index in range(len(call.lines))]


def _dates(call: Call, index: int) -> list[tuple[int, int]]:
    line = call.lines[index]
    found = [
        (within[0], within[-1])
        for match in WRITTEN.finditer(call.text, line.start, line.end)
        if (within := call.tokens_in(line, *match.span()))
    ]
    stretch: list[Item] = []
    for item in call.items[index]:
        if _is_part(call, item):
            stretch.append(item)
            continue
        found.extend(_stretch(call, stretch))
        stretch = []
    found.extend(_stretch(call, stretch))
    return found


def _is_part(call: Call, item: Item) -> bool:
    words = call.words
    if item.kind is Kind.DIGITS:
        return len(item.value) in (1, 2, 4)
    return item.value in words.months or item.value in words.date_linking or item.value in ",.-/"


def _stretch(call: Call, stretch: list[Item]) -> list[tuple[int, int]]:
    """A stretch of day, month and year, without the small words around it, if it has a month and a number."""
    telling = [item for item in stretch if item.kind is Kind.DIGITS or item.value in call.words.months]
    months = [item for item in telling if item.kind is not Kind.DIGITS]
    digits = sum(len(item.value) for item in telling if item.kind is Kind.DIGITS)
    if not months or not 1 <= digits <= 6 * len(months):
        return []
    return [(telling[0].first, telling[-1].last)]
