"""Dates: those of birth are hidden, others stay and are kept from being taken for numbers."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from pipeline.services.anonymization.context import Match, Score, cues_for
from pipeline.services.anonymization.reading import Call, Item, Kind

WRITTEN = re.compile(
    r"(?<![\d/.-])(?:(?:0?[1-9]|[12]\d|3[01])([/.-])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d)"
    r"|(?:19|20)\d\d-(?:0\d|1[0-2])-(?:[0-2]\d|3[01]))(?![\d/-])"
)
LABELS = ("DATE_OF_BIRTH", "CARD_EXPIRY")
MOST_NUMBERS = 5  # of a date without the name of a month: day, month, and a year of up to three
ASIDE = 4  # tokens from one number of a date to the next at most: the 4th *of the* 3rd
REACH = 12  # tokens between "born" and the date


def find_dates_of_birth(call: Call) -> Iterator[Match]:
    """Dates that are said to be of birth, or of a card's expiry."""
    for index in range(len(call.lines)):
        for first, last in _birth(call, index):
            for label in LABELS:
                cues = cues_for(call, index, label)
                near = any(max(first - cue.last, cue.first - last) <= REACH for cue in cues)
                if near or (label in call.expected[index] and not call.cues[index]):
                    yield Match(first, last, label, Score.TOLD)
                    break


def _birth(call: Call, index: int) -> Iterator[tuple[int, int]]:
    """Dates, and where one of birth is asked for or told before also "the 4th of the 3rd, 87", a word misheard."""
    yield from call.dates[index]
    cues = cues_for(call, index, "DATE_OF_BIRTH")
    if not cues and ("DATE_OF_BIRTH" not in call.expected[index] or call.cues[index]):
        return
    begin = cues[-1].last if cues else -1
    parts = [*_stretches(call, index), call.items[index]]
    said = [[item for item in part if _is_number(item) and item.first > begin] for part in parts]
    for numbers in [*said[:-1], *_near(said[-1])]:
        if 2 <= len(numbers) <= MOST_NUMBERS:
            yield numbers[0].first, numbers[-1].last


def _near(numbers: Iterable[Item]) -> list[list[Item]]:
    """Numbers that stand close to each other."""
    near: list[list[Item]] = []
    for number in numbers:
        if near and number.first - near[-1][-1].last <= ASIDE:
            near[-1].append(number)
        else:
            near.append([number])
    return near


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
    for part in _stretches(call, index):
        found.extend(_stretch(call, part))
    return found


def _stretches(call: Call, index: int) -> list[list[Item]]:
    """Items in a row of which dates are made."""
    rows = groupby(call.items[index], key=lambda item: _is_part(call, item))
    return [list(row) for part, row in rows if part]


def _is_part(call: Call, item: Item) -> bool:
    words = call.words
    if item.kind is Kind.DIGITS:
        return _is_number(item)
    return item.value in words.months or item.value in words.date_linking or item.value in ",.-/"


def _is_number(item: Item) -> bool:
    return item.kind is Kind.DIGITS and len(item.value) in (1, 2, 4)


def _stretch(call: Call, stretch: list[Item]) -> list[tuple[int, int]]:
    """A stretch of day, month and year, without the small words around it, if it has a month and a number."""
    telling = [item for item in stretch if item.kind is Kind.DIGITS or item.value in call.words.months]
    months = [item for item in telling if item.kind is not Kind.DIGITS]
    digits = sum(len(item.value) for item in telling if item.kind is Kind.DIGITS)
    if not months or not 1 <= digits <= 6 * len(months):
        return []
    return [(telling[0].first, telling[-1].last)]
