"""Whether a value can still be read in a text: whole, or four of its letters and digits in a row.

Numbers in words count as their digits ("forty two, double nine" is 4299), letters said one by one as the word they
spell, but for elided words. A run ends where another word comes between.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from tests.bench.pii import sayings_en, sayings_fr
from tests.bench.pii.sayings import unaccented

IN_A_ROW = 4
LONGEST_NUMBER = 4  # words: "quatre vingt dix sept"
PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")
ELIDED = re.compile(r"\b[cdjlmnst]['’](?=[a-z])")  # the "j" of "j'ai" is no letter that is spelled
HUNDRED = frozenset(("hundred", "cent"))
REPEATS = {"double": 2, "triple": 3}


def is_readable(values: Iterable[str], text: str, language: str, *, but: Iterable[str] = ()) -> bool:
    """Whether any of some values can be read in a text, apart from what stands in ``but`` as well, by rights."""
    known = {gram for other in but for run in runs(other, language) for gram in grams(run)}
    sought = {gram for value in values for gram in grams(plain(value))} - known
    return any(gram in sought for run in runs(text, language) for gram in grams(run))


def grams(run: str) -> Iterator[str]:
    """What of a run counts: all rows of four signs; a shorter run as a whole."""
    yield from ([run] if len(run) < IN_A_ROW else (run[at : at + IN_A_ROW] for at in range(len(run) - IN_A_ROW + 1)))


def runs(text: str, language: str) -> Iterator[str]:
    """The words of a text, and its numbers and spelled letters joined."""
    run = ""
    for token in _tokens(PLACEHOLDER.sub(" | ", text), language):
        if token != "|" and (len(token) == 1 or any(sign.isdigit() for sign in token)):
            run += token
            continue
        if run:
            yield run
        run = ""
        if token != "|":
            yield token
    if run:
        yield run


def _tokens(text: str, language: str) -> Iterator[str]:
    spelled = re.sub(r"\b(\w) (?:as in|like|comme) \w+", r"\1", unaccented(text).lower())
    if language == "fr":
        spelled = ELIDED.sub("", spelled)
    words = re.findall(r"[a-z0-9]+|\|", spelled)
    numbers = _numbers(language)
    at, times = 0, 1
    while at < len(words):
        for length in range(LONGEST_NUMBER, 0, -1):
            value = numbers.get(" ".join(words[at : at + length]))
            if value is not None:
                yield value * times
                at, times = at + length, 1
                break
        else:
            times = REPEATS.get(words[at], 1)
            if times == 1 and words[at] not in HUNDRED:  # "five hundred twelve": its digits stand around it
                yield words[at]
            at += 1


@cache
def _numbers(language: str) -> dict[str, str]:
    """0 to 99 in words, without accents and hyphens, and their digits."""
    words = sayings_en.under_hundred if language == "en" else sayings_fr.under_hundred
    found = {plain_words(words(number)): str(number) for number in range(100)}
    return found | ({"oh": "0", "o": "0"} if language == "en" else {"quatre vingt": "80"})


def plain_words(text: str) -> str:
    return unaccented(text).replace("-", " ")


def plain(value: str) -> str:
    """The letters and digits of a value."""
    return "".join(sign for sign in unaccented(value).lower() if sign.isalnum())
