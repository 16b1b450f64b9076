"""Echoes: what was found once is hidden wherever else it is said in the call."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.services.anonymization.context import Match, Score
from pipeline.services.anonymization.reading import Call, Item, Kind
from pipeline.services.anonymization.runs import Run, whole_numbers

FEWEST_DIGITS = 4  # of a number that is hidden again without anybody saying what it is
SHORTEST_NAME = 3
SECRETS = ("PASSWORD", "USERNAME", "EMAIL", "ADDRESS", "BOOKING")  # of which words are said again, not only figures


def find_echoes(call: Call, found: Sequence[tuple[int, int, str]]) -> Iterator[Match]:
    """The numbers and names of stretches (start, end, label) of the call's text, wherever they are said again."""
    numbers: dict[str, str] = {}
    names: set[str] = set()
    secrets: list[tuple[str, list[str]]] = []
    for start, end, label in found:
        value = call.value(start, end)
        if label in SECRETS:
            secrets.append((label, _words_of(call.items_in(start, end))))
        if label == "NAME":
            names.update(_parts_of_name(call, start, end))
        elif sum(character.isdigit() for character in value) >= FEWEST_DIGITS:
            numbers[value] = label
    yield from _numbers(call, numbers)
    yield from _names(call, names)
    yield from _secrets(call, secrets)


def _parts_of_name(call: Call, start: int, end: int) -> Iterator[str]:
    """The words of a name, and what its spelled letters make."""
    letters = ""
    for item in call.items_in(start, end):
        if item.kind is Kind.LETTERS:
            letters += item.value
        elif item.kind is Kind.WORD and item.value.isalpha():
            yield item.value
    if letters:
        yield letters


def _numbers(call: Call, numbers: dict[str, str]) -> Iterator[Match]:
    """Runs that are one of the numbers, hold one or are a part of one ("ending in 4298")."""
    for number in whole_numbers(call):
        value = "".join(run.value for run in number)
        parts = [number] if any(value in known for known in numbers) else [[run] for run in number]
        for part in parts:
            yield from _echo(part, numbers)


def _echo(number: Sequence[Run], numbers: dict[str, str]) -> Iterator[Match]:
    value = "".join(run.value for run in number)
    if sum(run.digits for run in number) < FEWEST_DIGITS:
        return
    label = next((label for known, label in numbers.items() if value in known or known in value), "")
    if label:
        yield from (Match(run.first, run.last, label, Score.SHAPE) for run in number)


def _names(call: Call, names: set[str]) -> Iterator[Match]:
    names = {name for name in names if len(name) >= SHORTEST_NAME and name not in call.words.never_names}
    for line in call.lines:
        for position in range(line.first, line.stop):
            token = call.tokens[position]
            if token.fold not in names or token.fold in call.words.particles:
                continue
            capital = line.cased and token.text[0].isupper() and position > line.first
            word = token.fold not in call.words.names or token.fold in call.words.no_names
            if capital or not (token.fold in call.words.common and (word or token.fold in call.words.ambiguous)):
                yield Match(position, position, "NAME", Score.SHAPE)


def _words_of(items: Sequence[Item]) -> list[str]:
    return [item.value for item in items if item.value.isalnum()]


def _secrets(call: Call, secrets: Sequence[tuple[str, list[str]]]) -> Iterator[Match]:
    """Two or more words of a secret, one after the other as they were said first."""
    pairs = {pair: label for label, words in secrets for pair in pairwise(words) if not _is_everyday(call, pair)}
    for items in call.items:
        said = [item for item in items if item.value.isalnum()]
        for first, second in pairwise(said):
            if label := pairs.get((first.value, second.value)):
                yield Match(first.first, second.last, label, Score.SHAPE)


def _is_everyday(call: Call, pair: tuple[str, str]) -> bool:
    """Whether two words stand together in anybody's speech: common words, or figures alone (``_numbers`` has those)."""
    return all(word in call.words.common or word.isdigit() or len(word) == 1 for word in pair)
