"""Echoes: what was found once is hidden wherever else it is said in the call."""

from collections.abc import Iterator, Sequence

from pipeline.services.anonymization.context import Match, Score
from pipeline.services.anonymization.reading import Call, Kind

FEWEST_DIGITS = 4  # of a number that is hidden again without anybody saying what it is
SHORTEST_NAME = 3


def find_echoes(call: Call, found: Sequence[tuple[int, int, str]]) -> Iterator[Match]:
    """The numbers and names of stretches (start, end, label) of the call's text, wherever they are said again."""
    numbers: dict[str, str] = {}
    names: set[str] = set()
    for start, end, label in found:
        value = call.value(start, end)
        if label == "NAME":
            names.update(_parts_of_name(call, start, end))
        elif sum(character.isdigit() for character in value) >= FEWEST_DIGITS:
            numbers[value] = label
    yield from _numbers(call, numbers)
    yield from _names(call, names)


def _parts_of_name(call: Call, start: int, end: int) -> Iterator[str]:
    """The words of a name, and what its spelled letters make."""
    letters = ""
    for item in call.items[call.line_at(start)]:
        if start <= call.tokens[item.first].start < end:
            if item.kind is Kind.LETTERS:
                letters += item.value
            elif item.kind is Kind.WORD and item.value.isalpha():
                yield item.value
    if letters:
        yield letters


def _numbers(call: Call, numbers: dict[str, str]) -> Iterator[Match]:
    """Runs that are one of the numbers, hold one or are a part of one ("ending in 4298")."""
    for chain in call.chains:
        value = "".join(run.value for run in chain)
        if sum(run.digits for run in chain) < FEWEST_DIGITS:
            continue
        label = next((label for known, label in numbers.items() if value in known or known in value), "")
        if label:
            yield from (Match(run.first, run.last, label, Score.SHAPE) for run in chain)


def _names(call: Call, names: set[str]) -> Iterator[Match]:
    names = {name for name in names if len(name) >= SHORTEST_NAME and name not in call.words.never_names}
    for line in call.lines:
        for position in range(line.first, line.stop):
            token = call.tokens[position]
            if token.fold not in names or token.fold in call.words.particles:
                continue
            capital = line.cased and token.text[0].isupper() and position > line.first
            if capital or not call.words.is_ordinary(token.fold):
                yield Match(position, position, "NAME", Score.SHAPE)
