"""Calls in which every personal datum is marked, and how a detector is scored on them.

The score is that of ``../shared/tools/pii_score.py`` (its docstring defines leak, over and over_ex), read from there.
"""

import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from tests.bench import DATA, need

IGNORED, BREAK = "~", "/"  # labels of parts: said within a datum but none of it; a breath long enough for the other
ARTICLE = re.compile(r"^\s*(the|le) ", re.IGNORECASE)  # "the fourth of May": no part of a date
MARKS = re.compile(r"[.,;:?!«»\"()…]")


class Mark(NamedTuple):
    """Characters ``start`` up to ``end`` of a turn, and what they are."""

    start: int
    end: int
    label: str


class Turn(NamedTuple):
    """What one speaker says; ``gold`` is personal (or a city, a date: hidden or not, as one likes), ``ignore`` is not."""

    speaker: str
    text: str
    gold: tuple[Mark, ...] = ()
    ignore: tuple[Mark, ...] = ()


class Set(NamedTuple):
    """Calls of one kind in one language. ``speech`` tells those as they are spoken from what people write."""

    name: str
    language: str
    calls: list[list[Turn]]


class Part(NamedTuple):
    """A piece of a turn before it is written down; its label says what it is ("": just words).

    ``values`` are the plain writings of the datum it belongs to.
    """

    text: str
    label: str = ""
    values: tuple[str, ...] = ()


Find = Callable[[Sequence[tuple[str, str]], str], list[list[Mark]]]  # (speaker, text) of a call, language -> marks


def written(speaker: str, parts: Iterable[Part], *, lower: bool) -> Turn:
    """Write parts down, cased and with its marks or, as some engines do, in lower case without any."""
    text, gold, ignore = "", [], []
    for part in parts:
        piece = MARKS.sub("", part.text.lower()).replace("-", " ") if lower else part.text
        piece = re.sub(r"\s+", " ", piece)
        piece = piece[1:] if text.endswith(".") and piece.startswith(".") else piece  # "at 9 p.m.."
        piece = piece.lstrip() if not text or text.endswith(" ") else piece
        first = len(piece) - len((ARTICLE.sub("", piece) if part.label == "DATE_OF_BIRTH" else piece).lstrip())
        mark = Mark(len(text) + first, len(text) + len(piece.rstrip()), part.label)
        text += piece
        if part.label and mark.end > mark.start:
            (ignore if part.label == IGNORED else gold).append(mark)
    text = text.rstrip()
    text = text if lower or not text else text[0].upper() + text[1:]
    return Turn(speaker, text, tuple(gold), tuple(ignore))


@cache
def scorer() -> Any:
    """The module with the definitions of all measures."""
    path = need(DATA.parent / "tools" / "pii_score.py")
    spec = importlib.util.spec_from_file_location("pii_score", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def score(calls: Sequence[Sequence[Turn]], found: Sequence[Sequence[Sequence[Mark]]]) -> dict[str, Any]:
    """The measures of what a detector found in calls: leak_core, over, over_ex, per_type, misses …"""
    rows, marked = [], {}
    for number, (call, marks) in enumerate(zip(calls, found, strict=True)):
        for place, (turn, spans) in enumerate(zip(call, marks, strict=True)):
            name = f"{number}/{place}"
            rows.append({"id": name, "text": turn.text, "spans": turn.gold, "ignore": turn.ignore})
            marked[name] = spans
    scores: dict[str, Any] = scorer().score(rows, marked)
    return scores


def words_in(calls: Iterable[Iterable[Turn]]) -> int:
    """How many words are said."""
    return sum(len(turn.text.split()) for call in calls for turn in call)
