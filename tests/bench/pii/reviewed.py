"""Personal data that the labels of the public sets leave out: read and marked by one of us, in ``reviewed.toml``.

Customers of MultiDoGO call agents by their names ("thanks charlie"), give postcodes and account numbers, and none of it
is labelled; CLINC150, which should hold nothing personal, has people and PINs. What a detector hides of that is not over.
Read was what ours hides beyond the labels. People's names were marked, whoever bears them; not those of bands, brands,
restaurants, cities and assistants ("your new name is joe"), nor words beside a number. The file holds hashes of the texts
and places in them, no text.

``python -m tests.bench.pii.reviewed`` prints what ours hides and nobody labelled or marked, to be read.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.bench.pii.detectors import ours
from tests.bench.pii.gold import Mark, Turn
from tests.bench.pii.public_sets import intents, public_sets

FILE = Path(__file__).with_name("reviewed.toml")


def only_reviewed(call: Sequence[Turn]) -> list[Turn]:
    """A call in which the scorer ignores what was marked here, and nothing else."""
    return [
        turn._replace(ignore=tuple(Mark(*place, "") for place in _marked().get(key(turn.text), ()))) for turn in call
    ]


def key(text: str) -> str:
    """What stands for a text in the file."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _marked() -> dict[str, list[tuple[int, int]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def unread() -> Iterator[tuple[str, str, int, int]]:
    """The set, the text and the place of what ours hides beyond the labels and what was marked."""
    for every in [*public_sets(), *intents()]:
        for call in every.calls:
            found = ours([(turn.speaker, turn.text) for turn in call], every.language)
            for turn, marked, marks in zip(call, only_reviewed(call), found, strict=True):
                known = {at for mark in (*turn.gold, *marked.ignore) for at in range(mark.start, mark.end)}
                for mark in marks:
                    if any(at not in known and turn.text[at].isalnum() for at in range(mark.start, mark.end)):
                        yield every.name, turn.text, mark.start, mark.end


if __name__ == "__main__":
    for name, text, start, end in unread():
        print(f"{key(text)} {start} {end} {name}: {text[:start]}[{text[start:end]}]{text[end:]}")
