"""Codes that are spelled by words, as recognizers hear it: "C as in Charlie" becomes "see, I'm in Charlie"."""

import re
from collections.abc import Iterator

from pipeline.services.anonymization.context import Match, Score
from pipeline.services.anonymization.reading import Call, Kind, Line

AS_IN = re.compile(r"\b(as|i'?m|is|been|came) in ([a-z]+)", re.IGNORECASE)
CODES = frozenset({"BOOKING", "ACCOUNT", "ADDRESS", "USERNAME", "PASSWORD", "NAME"})
FEWEST = 2  # letters


def find_spellings(call: Call) -> Iterator[Match]:
    """Two or more in an utterance in which one is sure, or that was asked for a code; with the figures after them."""
    if call.words.language != "en":
        return
    for index, line in enumerate(call.lines):
        spelled = list(AS_IN.finditer(call.text, line.start, line.end))
        if len(spelled) < FEWEST or _letters_read(call, index) >= len(spelled):
            continue
        sure = any(found[1].lower() == "as" or found[2].lower() in call.words.alphabet for found in spelled)
        told = {*call.expected[index], *(cue.told for cue in call.cues[index])}
        if sure or told & CODES:
            first = _letter_before(call, line, call.tokens_in(line, spelled[0].start(), line.end)[0])
            last = call.tokens_in(line, line.start, spelled[-1].end())[-1]
            yield Match(first, _with_figures(call, index, line, last), "BOOKING", Score.CHECKED)


def _letters_read(call: Call, index: int) -> int:
    """How many letters with their word were read as such."""
    return sum(item.kind is Kind.LETTERS and item.last > item.first for item in call.items[index])


def _letter_before(call: Call, line: Line, first: int) -> int:
    """The token before, past a comma, if there is one."""
    while first > line.first:
        first -= 1
        if call.tokens[first].text.isalnum():
            break
    return first


def _with_figures(call: Call, index: int, line: Line, last: int) -> int:
    """The last token of the figures and letters that follow a token."""
    for item in call.items[index]:
        if item.first > last and item.kind not in (Kind.DIGITS, Kind.LETTERS, Kind.JOINT):
            break
        if item.last > last and item.kind is not Kind.JOINT:
            last = item.last
    return min(last, line.stop - 1)
