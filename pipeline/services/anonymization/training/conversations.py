"""Invented conversations, with what is personal data in them known for each word."""

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from pipeline.services.anonymization.training.harmless import harmless
from pipeline.services.anonymization.training.phrases import Phrasebook, phrasebook
from pipeline.services.anonymization.training.values import Values
from pipeline.services.anonymization.training.writing import Style, written

Word = tuple[str, str]  # a word and its label; "" has none, "~" is the name of a thing, which is no personal data
BRACES = re.compile(r"\{(\w*)\}")


class Turn(NamedTuple):
    """What one speaker says: its text, and (start_char, end_char, label) of the personal data in it."""

    speaker: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


class Conversation(NamedTuple):
    """A call, or a single text."""

    language: str
    turns: tuple[Turn, ...]


def generate(language: str, count: int, seed: int, *, held_out: bool = False) -> list[Conversation]:
    """So many conversations, the same for the same seed. ``held_out`` draws from the phrases kept for measuring."""
    chance = Random(f"{language} {seed} {held_out}")  # noqa: S311 - chance that repeats, for no secret
    writer = _Writer(language, chance, phrasebook(language, held_out=held_out))
    return [writer.conversation() for _ in range(count)]


class _Writer:
    """Invents conversations."""

    def __init__(self, language: str, chance: Random, book: Phrasebook) -> None:
        self.language = language
        self.chance = chance
        self.book = book
        self.values = Values(language, chance, book)
        self.harmless = harmless(self.values)
        self.labels = sorted(label for label in book.tell)
        self.weights = [LIKELY.get(label, 2) for label in self.labels]

    def conversation(self) -> Conversation:
        """One of a few kinds: a statement, a paragraph, a question and its answer, a talk, a whole call."""
        chance = self.chance
        kind = chance.random()
        if kind < 0.3:
            said = [("", self.statement())]
        elif kind < 0.38:
            said = [("", self.paragraph())]
        elif kind < 0.66:
            said = self.asked()
        elif kind < 0.76:
            said = [(speaker, self.talk()) for speaker in chance.choice([("",), ("agent", "customer"), ("customer",)])]
        elif kind < 0.84:
            said = self.asked_harmlessly()
        else:
            said = self.call()
        speakers = chance.choice(
            [
                {"agent": "agent", "customer": "customer"},
                {"agent": "speaker 1", "customer": "speaker 2"},
                {"agent": "", "customer": ""},
            ]
        )
        style = Style.draw(chance)
        turns = (
            Turn(speakers.get(speaker, speaker), *written(words, style, chance)) for speaker, words in said if words
        )
        return Conversation(self.language, tuple(turns))

    def label(self) -> str:
        return self.chance.choices(self.labels, self.weights)[0]

    def filled(self, phrase: str, label: str, value: Sequence[str]) -> list[Word]:
        """A phrase with its braces filled."""
        words: list[Word] = []
        for piece in phrase.split():
            match = BRACES.search(piece)
            if not match:
                words.append((piece, ""))
                continue
            kind = match[1]
            filling, marked = self.filling(kind) if kind else (list(value), label)
            filling[0] = piece[: match.start()] + filling[0]
            words.extend((word, marked) for word in filling)
            if tail := piece[match.end() :]:
                words[-1] = (words[-1][0] + tail, marked)
        return words

    def filling(self, kind: str) -> tuple[list[str], str]:
        """The words of a brace with something in it, and their label."""
        if kind.isupper():
            return self.values.said(kind), kind
        return self.harmless[kind](), "~" if kind in THINGS else ""

    def statement(self, label: str = "") -> list[Word]:
        """Somebody tells something about themselves, perhaps among other talk."""
        chance = self.chance
        if not label and chance.random() < 0.25:
            words = self.filled(chance.choice(self.book.mixed), "", [])
            return [*self.talk(), *words] if chance.random() < 0.2 else words
        label = label or self.label()
        words = self.filled(chance.choice(self.book.tell[label]), label, self.values.said(label))
        if chance.random() < 0.25:
            other = self.label()
            joint: list[Word] = chance.choice(
                [[("and", "")] if self.language == "en" else [("et", "")], [], [(",", "")]]
            )
            words = [*words, *joint, *self.filled(chance.choice(self.book.tell[other]), other, self.values.said(other))]
        if chance.random() < 0.25:
            words = [*self.talk(), *words]
        if chance.random() < 0.2:
            words = [*words, *self.talk()]
        return words

    def paragraph(self) -> list[Word]:
        """Several sentences, as in a letter or a monologue."""
        chance = self.chance
        words: list[Word] = []
        for _ in range(chance.randrange(2, 6)):
            words += self.statement() if chance.random() < 0.5 else self.talk()
            words.append((".", ""))
        return words

    def talk(self) -> list[Word]:
        """What is said without any personal data."""
        phrase = self.chance.choice(self.book.talk)
        if self.chance.random() < 0.15:
            phrase += " " + self.chance.choice(self.book.talk)
        return self.filled(phrase, "", [])

    def answer(self, label: str, value: list[str]) -> list[Word]:
        """A value, bare or with a few words around it, perhaps in a sentence."""
        chance = self.chance
        if chance.random() < 0.25:
            return self.filled(chance.choice(self.book.tell[label]), label, value)
        before, after = chance.choice(self.book.turns["before"]), chance.choice(self.book.turns["after"])
        return self.filled(f"{before} {{}} {after}", label, value)

    def asked(self) -> list[tuple[str, list[Word]]]:
        """A question, its answer, and perhaps what follows: the other speaker says it again, or asks for the next."""
        chance = self.chance
        label = self.label()
        value = self.values.said(label)
        question = chance.choice(self.book.ask.get(label) or self.book.ask["ANY"])
        if chance.random() < 0.12:
            question = chance.choice(self.book.talk) + " " + question
        said: list[tuple[str, list[Word]]] = [("agent", self.filled(question, "", []))]
        if chance.random() < 0.12 and len(value) > 4:
            said += self.broken(label, value)
        elif chance.random() < 0.12 and len(said[0][1]):
            second = self.label()
            question2 = chance.choice(self.book.ask.get(second) or self.book.ask["ANY"])
            said[0][1].extend([("and", "") if self.language == "en" else ("et", ""), *self.filled(question2, "", [])])
            said.append(("customer", [*self.answer(label, value), *self.answer(second, self.values.said(second))]))
        elif chance.random() < 0.08:
            said.append(("customer", self.talk()))
            return said
        else:
            said.append(("customer", self.answer(label, value)))
        if chance.random() < 0.3:
            again = value if chance.random() < 0.6 or label == "NAME" else self.values.said(label)
            said.append(("agent", self.filled(chance.choice(self.book.turns["echo"]), label, again)))
        return said

    def broken(self, label: str, value: list[str]) -> list[tuple[str, list[Word]]]:
        """A value that is said in parts, the other speaker between them."""
        chance = self.chance
        cut = chance.randrange(2, len(value) - 1) if chance.random() < 0.6 else len(value) - 1
        between = [("agent", self.filled(chance.choice(self.book.turns["carry_on"]), "", []))] * (
            chance.random() < 0.75
        )
        return [
            ("customer", self.answer(label, value[:cut])),
            *between,
            ("customer", self.filled("{}", label, value[cut:])),
        ]

    def asked_harmlessly(self) -> list[tuple[str, list[Word]]]:
        """A question whose answer is no personal data."""
        chance = self.chance
        kind = chance.choice(sorted(self.book.harmless_ask))
        before, after = chance.choice(self.book.turns["before"]), chance.choice(self.book.turns["after"])
        question = self.filled(chance.choice(self.book.harmless_ask[kind]), "", [])
        return [("agent", question), ("customer", self.filled(f"{before} {{{kind}}} {after}", "", []))]

    def call(self) -> list[tuple[str, list[Word]]]:
        """A whole call: greetings, the matter, questions and answers, goodbyes."""
        chance = self.chance
        said: list[tuple[str, list[Word]]] = [("agent", self.talk()), ("customer", self.statement("NAME"))]
        for _ in range(chance.randrange(2, 7)):
            kind = chance.random()
            if kind < 0.55:
                said += self.asked()
            elif kind < 0.7:
                said += self.asked_harmlessly()
            elif kind < 0.8:
                said.append((chance.choice(["agent", "customer"]), self.statement()))
            else:
                said += [("agent", self.talk()), ("customer", self.talk())]
        return said


THINGS = ("city", "company", "model", "day", "month")
LIKELY = {
    "NAME": 9,
    "ADDRESS": 6,
    "PHONE": 5,
    "EMAIL": 5,
    "ACCOUNT": 5,
    "CARD": 4,
    "BOOKING": 3,
    "DATE_OF_BIRTH": 3,
    "IBAN": 1,
}
