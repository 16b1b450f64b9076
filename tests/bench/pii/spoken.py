"""Calls in spoken style, built from ``calls.*.toml``: twelve kinds of business, in English and French.

The agent asks, the customer answers, with little or with much around the value; the agent says some of it again;
between, they speak of money, times, dates and products. A fifth of the calls hold nothing personal.
"""

import random
import re
from collections.abc import Iterator
from typing import Any

from tests.bench.pii.gold import BREAK, Part, Set, Turn, written
from tests.bench.pii.people import Person, table
from tests.bench.pii.sayings_en import English
from tests.bench.pii.sayings_fr import French

Speaker = English | French
SPEAKERS: dict[str, type[English] | type[French]] = {"en": English, "fr": French}
CALLS = 150  # of each kind
NOTHING_PERSONAL = 0.2
SLOT = re.compile(r"\{(\w+)\}")
SEED = 20261126


def spoken_sets(calls: int = CALLS) -> list[Set]:
    """English and French, in lower case without marks and as Whisper writes."""
    return [
        Set(f"spoken-{language}-{'lower' if lower else 'cased'}", language, list(build(language, calls, lower=lower)))
        for language in SPEAKERS
        for lower in (True, False)
    ]


def build(language: str, calls: int, *, lower: bool, seed: int = SEED) -> Iterator[list[Turn]]:
    """So many calls."""
    for number in range(calls):
        chance = random.Random(f"{seed} {language} {lower} {number}")
        yield SpokenCall(chance, language, lower=lower).turns()


class SpokenCall:
    """One call in the making."""

    def __init__(self, chance: random.Random, language: str, *, lower: bool) -> None:
        self.chance = chance
        self.language = language
        self.lower = lower
        self.table: Any = table(language)
        self.speakers: dict[str, Speaker] = {
            side: SPEAKERS[language](chance, lower=lower) for side in ("agent", "customer")
        }
        self.customer, self.agent = Person(chance, language), Person(chance, language)
        self.domain = self.table["domain"][chance.choice(sorted(self.table["domain"]))]
        self.company = chance.choice(self.domain["companies"])
        self.echoes = True  # whether the agent says names and values
        self.said: list[tuple[str, list[Part]]] = []
        self.chats: list[str] = []

    def turns(self) -> list[Turn]:
        """All turns, written down."""
        self._gather_chats("any", "more")
        personal = self.chance.random() > NOTHING_PERSONAL
        self._open(personal)
        asks = self.chance.sample(self.domain["asks"], self.chance.randint(3, 6)) if personal else []
        for name in asks:
            self._ask(name)
            if self.chance.random() < 0.6:
                self._chat()
        for _ in range(self.chance.randint(1, 2) if personal else self.chance.randint(4, 7)):
            self._chat()
        for line in self.chance.sample(self._lines(self.table["close"]["lines"], personal), 2):
            self._dialogue(line)
        return [
            written(speaker, parts, lower=self.lower)
            for speaker, parts in self.said
            if any(part.text for part in parts)
        ]

    def fluent(self, fluent: bool) -> None:
        """Whether all values are said in one go."""
        for speaker in self.speakers.values():
            speaker.fluent = fluent

    def short(self, *, quiet_agent: bool) -> list[tuple[str, list[Part]]]:
        """What is said in a call of a minute or two. A quiet agent says nothing personal."""
        self._gather_chats("any")
        self.echoes = not quiet_agent
        self._open(personal=True)
        for name in self.chance.sample(self.domain["asks"], 3):
            self._ask(name)
            self._chat()
        self._chat()
        self._dialogue(self.chance.choice(self._lines(self.table["close"]["lines"], not quiet_agent)))
        return [(speaker, parts) for speaker, parts in self.said if any(part.text for part in parts)]

    def _open(self, personal: bool) -> None:
        self._say("agent", self.chance.choice(self._lines(self.table["open"]["agent"], personal and self.echoes)))
        introduced = personal and self.chance.random() < 0.35
        hello = self.chance.choice(self.table["open"]["introduced" if introduced else "hello"])
        reason = self.chance.choice(self.domain["reasons"])
        if self.chance.random() < 0.5:
            self._say("customer", f"{hello} {reason}")
        else:
            self._say("customer", hello)
            self._say("customer", reason)

    def _ask(self, name: str) -> None:
        ask = self.table["ask"][name]
        person = Person(self.chance, self.language) if name == "other" else self.customer
        self._say("agent", self.chance.choice(ask["a"]), person)
        self._say("customer", self.chance.choice(ask["c"]), person)
        if "e" in ask and self.echoes and self.chance.random() < 0.35:
            self._say("agent", self.chance.choice(ask["e"]), person)
            self._say("customer", self.chance.choice(self.table["yes"]))

    def _gather_chats(self, *kinds: str) -> None:
        """What may be talked of, at random, that of the business rather first (the last of the list is)."""
        self.chats = [*self.domain["chat"], *(line for kind in kinds for line in self.table["chat"][kind])]
        self.chats.sort(key=lambda line: self.chance.random() * (2 if line in self.domain["chat"] else 1))

    def _chat(self) -> None:
        """Two lines about nothing personal, none twice in a call, those of the business rather first."""
        self._dialogue(self.chats.pop())

    def _dialogue(self, line: str) -> None:
        agent, customer = line.removeprefix("A: ").split(" C: ")
        self._say("agent", agent)
        self._say("customer", customer)

    def _lines(self, lines: list[str], personal: bool) -> list[str]:
        """Those that may be said in a call that may hold nothing personal."""
        return [line for line in lines if personal or not any(slot.islower() for slot in SLOT.findall(line))]

    def _say(self, speaker: str, template: str, person: Person | None = None) -> None:
        """Say a template, its slots filled; at a breath the other side may say something short."""
        parts: list[Part] = []
        for part in self._filled(speaker, template, person or self.customer):
            if part.label == BREAK:
                self.said.append((speaker, parts))
                if self.chance.random() < 0.7:
                    other = "agent" if speaker == "customer" else "customer"
                    self.said.append((other, [Part(self.chance.choice(self.table["go_on"]))]))
                parts = []
            else:
                parts.append(part)
        self.said.append((speaker, parts))

    def _filled(self, speaker: str, template: str, person: Person) -> Iterator[Part]:
        voice = self.speakers[speaker]
        for number, piece in enumerate(SLOT.split(template)):
            if number % 2 == 0:
                yield Part(piece)
            elif piece == "COMPANY":
                yield Part(self.company)
            elif piece == "agent":
                yield Part(self.agent.first, "PERSON_NAME", (self.agent.first,))
            elif piece.isupper():
                yield Part(getattr(voice, piece.lower())())
            else:
                values = person.values(piece)
                yield from (part._replace(values=values) if part.label else part for part in voice.say(piece, person))
