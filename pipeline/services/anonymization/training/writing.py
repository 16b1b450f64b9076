"""How what was said is written down: as transcription writes it, as people type it, or carefully."""

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

END_MARKS = ".,?!;:"
OPENERS = frozenset(
    "yes yeah no okay ok sure hi hello well so alright right thanks great perfect oui non d'accord alors bonjour voilà "
    "donc merci bonsoir parfait".split()
)
PROPER = frozenset(("NAME", "ADDRESS", "~"))
ASKS = re.compile(
    r"^(?:and |et |so |okay )?(?:what|who|how|can|could|may|which|where|when|do|is|are|whose|quel|quelle|comment|où|"
    r"combien|est-ce|pouvez|vous|à quel|who's|what's)\b"
)


class Style(NamedTuple):
    """How one text is written."""

    capitals: bool
    marks: bool
    upper: bool
    careless: float  # share of apostrophes and accents that are left out

    @classmethod
    def draw(cls, chance: Random) -> "Style":
        way = chance.random()
        if way < 0.42:
            return cls(False, False, False, chance.choice([0.0, 0.0, 1.0]))
        if way < 0.84:
            return cls(True, True, False, 0.0)
        if way < 0.94:
            return cls(False, True, False, chance.choice([0.0, 0.5]))
        if way < 0.98:
            return cls(True, False, False, 0.0)
        return cls(False, chance.random() < 0.5, True, 0.0)


def written(
    words: Sequence[tuple[str, str]], style: Style, chance: Random
) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """The text of some words, and (start_char, end_char, label) of the personal data in it."""
    text = ""
    spans: list[tuple[int, int, str]] = []
    begins = True
    for word, label in _marked(words, chance) if style.marks else words:
        if not style.marks and not label:
            word = word.rstrip(".,?!")
        word = _cased(word, label, begins, style, chance)
        if not word:
            continue
        begins = word[-1] in ".?!" and not label
        if word in END_MARKS and text:
            text = text.rstrip() + word + " "
            begins = word in ".?!"
            continue
        start, bare = len(text), word.rstrip(END_MARKS).removesuffix("'s") or word
        text += word + " "
        if label and label != "~":
            if spans and spans[-1][2] == label and spans[-1][1] >= start - 2:
                spans[-1] = (spans[-1][0], start + len(bare), label)
            else:
                spans.append((start, start + len(bare), label))
    return text.rstrip(), tuple(spans)


def _marked(words: Sequence[tuple[str, str]], chance: Random) -> list[tuple[str, str]]:
    """Words with commas where somebody pauses and a mark at the end."""
    marked: list[tuple[str, str]] = []
    for number, (word, label) in enumerate(words):
        before = words[number - 1][1] if number else label
        if number and label and not before and chance.random() < 0.08:
            marked.append((chance.choice([",", ":"]), ""))
        if before and not label and chance.random() < 0.25 and word[0].isalnum():
            marked.append((chance.choice([",", ",", "."]), ""))
        elif number == 1 and before == "" and words[0][0] in OPENERS and chance.random() < 0.5:
            marked.append((",", ""))
        marked.append((word, label))
    spoken = " ".join(word for word, _ in words)
    if chance.random() < 0.85:
        marked.append(("?" if ASKS.match(spoken) and chance.random() < 0.9 else ".", ""))
    return marked


def _cased(word: str, label: str, begins: bool, style: Style, chance: Random) -> str:
    if style.careless and chance.random() < style.careless and not label:
        word = word.replace("'", "" if len(word) < 6 else "'")
    if style.upper:
        return word.upper()
    if style.capitals and not any(letter.isupper() for letter in word):
        small = label == "ADDRESS" and word in ("of", "de", "la", "du", "des", "rue", "et", "bis", "ter")
        if (
            (label in PROPER and not small and chance.random() < 0.97)
            or begins
            or word in ("i", "i'm", "i'd", "i've", "i'll")
        ):
            return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))
    if not style.capitals and len(word) > 1 and chance.random() < 0.9 and not style.marks:
        return word.lower()
    return word
