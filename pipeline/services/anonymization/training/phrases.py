"""The phrases of the generator, read from ``phrases.*.toml``."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pipeline.services.anonymization.training.people import everyday_words

OFTEN = 4  # so many times as often as any other word a word of an alphabet stands for a letter
EVERY = 40  # of the everyday words, one in so many serves so
HELD_OUT = 7  # of the phrases of each kind, one in so many is kept for measuring


@dataclass(frozen=True)
class Phrasebook:
    """What is said around values: questions and statements by label, and talk without any personal data."""

    language: str
    ask: Mapping[str, Sequence[str]]
    tell: Mapping[str, Sequence[str]]
    mixed: Sequence[str]
    turns: Mapping[str, Sequence[str]]
    talk: Sequence[str]
    lists: Mapping[str, Sequence[str]]
    harmless_ask: Mapping[str, Sequence[str]]

    @property
    def fillers(self) -> Sequence[str]:
        return self.turns["fillers"]

    @property
    def sorry(self) -> Sequence[str]:
        return self.turns["sorry"]

    @property
    def as_in(self) -> list[str]:
        return list(self.turns["as_in"])

    @cached_property
    def alphabet(self) -> list[str]:
        """Words that stand for their first letter: those of the alphabets, and whatever comes to mind."""
        return [*list(self.turns["alphabet"]) * OFTEN, *everyday_words(self.language)[::EVERY]]


@cache
def phrasebook(language: str, *, held_out: bool = False) -> Phrasebook:
    """The phrases of a language: those to learn from, or those kept for measuring."""
    table = tomllib.loads(Path(__file__).with_name(f"phrases.{language}.toml").read_text(encoding="utf-8"))

    def part(phrases: Sequence[str]) -> Sequence[str]:
        if len(phrases) < HELD_OUT:
            return phrases
        return [each for number, each in enumerate(phrases) if (number % HELD_OUT == HELD_OUT - 1) == held_out]

    turns = {name: value.split() if isinstance(value, str) else value for name, value in table["turns"].items()}
    harmless = table["harmless"]
    return Phrasebook(
        language=language,
        ask={label: part(phrases) for label, phrases in table["ask"].items()},
        tell={label: part(phrases) for label, phrases in table["tell"].items()},
        mixed=part(table["mixed"]["said"].strip().split("\n")),
        turns=turns,
        talk=part(harmless["talk"].strip().split("\n")),
        lists={name: value.split(",") for name, value in harmless.items() if name != "talk"},
        harmless_ask={kind: part(phrases) for kind, phrases in table["harmless_ask"].items()},
    )
