"""What the learned detector sees of each token: itself, its neighbours, the question before it, what the rules say.

A token has a few *keys*, and a key stands for several features (``features_of``). Most keys come again and again, so
that the model adds up the weights of a key's features once (``model``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.services.anonymization.context import JUST_AFTER, NEAR, Match
from pipeline.services.anonymization.reading import Call, Kind, Line, Token
from pipeline.services.anonymization.runs import whole_numbers
from pipeline.services.anonymization.vocabulary import MAIL_ENDINGS, MAIL_HOSTS, Vocabulary

Key = tuple[Any, ...]
NOT_LEARNED = "spacy_names"  # the rule that rests on spaCy, which takes no part in the training
LONGEST_QUESTION = 14  # words of a question that count, from its end
SHORTEST_ASKED = 3  # letters of such a word
MOST_CLASSES = 50_000  # words whose class is kept
NEXT = 3  # tokens after a cue that it speaks of most of all
NOTHING = ("", "")  # stands before the first word of an utterance and after its last
UNTOLD = ("", "")
NAMED = frozenset("CUN")  # classes of words that pairs of words are learned of


def _steps(*steps: int) -> tuple[int, ...]:
    """For each number up to the last step, the largest step that it reaches."""
    return tuple(max((step for step in steps if step <= number), default=0) for number in range(steps[-1] + 1))


LENGTHS = _steps(1, 2, 3, 4, 6, 9, 14, 25)  # tokens of an utterance, told apart
DIGITS = _steps(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 19)  # digits of a number, told apart


def keys_of(call: Call, matches: Mapping[str, Sequence[Match]]) -> Iterator[list[list[Key]]]:
    """For each utterance, the keys of its tokens. ``matches`` are those of the rules, by the rule's name."""
    ruled = _ruled(matches)
    counted = _counted(call)
    for index, line in enumerate(call.lines):
        yield _line_keys(call, index, line, ruled, counted)


def features_of(key: Key, words: Vocabulary) -> Iterable[str]:
    """The features that a key stands for."""
    kind, *parts = key
    features: Iterable[str] = _EXPANDED[kind](words, *parts)
    return features


def class_of(word: str, words: Vocabulary) -> str:
    """What kind of word a folded word is, in a letter or two."""
    kind = words.classes.get(word)
    if kind is None:
        if len(words.classes) > MOST_CLASSES:
            words.classes.clear()
        kind = words.classes[word] = _class_of(word, words)
    return kind


def _class_of(word: str, words: Vocabulary) -> str:
    if word.isdigit():
        return f"D{DIGITS[min(len(word), len(DIGITS) - 1)]}"
    if not word.isalnum():
        return word
    if len(word) == 1:
        return "L"
    if word in words.number_words:
        return "N"
    if word in words.months:
        return "M"
    if word in words.sure_names:
        return "S"
    if word in words.names:
        return "Y" if word in words.ordinary else "y"
    if word not in words.ordinary:
        return "X"
    return "C" if word in words.common else "U" if word in words.usual else "O"


def _line_keys(
    call: Call, index: int, line: Line, ruled: Mapping[int, tuple[str, ...]], counted: Mapping[int, Key]
) -> list[list[Key]]:
    words, first = call.words, line.first
    tokens = call.tokens[first : line.stop]
    kinds = [class_of(token.fold, words) for token in tokens]
    names = [
        token.fold if kind in NAMED or not kind.isalnum() else kind for token, kind in zip(tokens, kinds, strict=True)
    ]
    names = ["", "", *names, "", ""]
    said = [(token.fold, _shape(line, token, number == 0)) for number, token in enumerate(tokens)]
    said = [NOTHING, NOTHING, *said, NOTHING, NOTHING]
    told, asked, question = _told(call, index, line), call.expected[index], _question(call, index)
    length = LENGTHS[min(len(tokens), len(LENGTHS) - 1)]
    last = len(tokens) - 1
    keys: list[list[Key]] = []
    for place, kind in enumerate(kinds):
        number = first + place
        here = ruled.get(number, ())
        before = ruled.get(number - 1, ()) if place else ()
        after = ruled.get(number + 1, ()) if place < last else ()
        keys.append(
            [
                ("w-2", said[place]),
                ("w-1", said[place + 1]),
                ("w", said[place + 2]),
                ("w+1", said[place + 3]),
                ("w+2", said[place + 4]),
                ("b", names[place + 1], names[place + 2], names[place + 3]),
                ("c", names[place], names[place + 1], kind),
                ("d", names[place + 3], names[place + 4], kind),
                ("r", before, here, after, kind),
                ("t", told.get(number, UNTOLD), asked, kind, length),
                ("q", question, kind),
                ("n", counted.get(number, ()), length, min(place, 2), min(last - place, 2)),
            ]
        )
    return keys


def _shape(line: Line, token: Token, first: bool) -> str:
    """How a word is written: capital or not where that tells something, and whether it touches the one before."""
    glued = "g" if token.glued else ""
    if not line.cased or not token.text[0].isupper():
        return glued + ("l" if line.cased else "")
    if len(token.text) > 1 and token.text.isupper():
        return glued + "A"
    return glued + ("F" if first else "X")


def _told(call: Call, index: int, line: Line) -> dict[int, tuple[str, str]]:
    """For each token that has one, the label of the nearest cue before it and of one just after."""
    told: dict[int, tuple[str, str]] = {}
    for cue in call.cues[index]:
        near = f"{cue.told}!"
        for number in range(cue.last + 1, min(line.stop, cue.last + 1 + NEAR)):
            told[number] = (near if number - cue.last <= NEXT else cue.told, "")
        for number in range(max(line.first, cue.first - JUST_AFTER), cue.first):
            told[number] = (told.get(number, UNTOLD)[0], cue.told)
        for number in range(cue.first, cue.last + 1):
            told[number] = ("in", cue.told)
    return told


def _question(call: Call, index: int) -> str:
    """The words of what was said before an utterance, by somebody else. (One string, which is hashed only once.)"""
    before = index - 1
    if before < 0:
        return ""
    line, own = call.lines[before], call.lines[index]
    if line.speaker == own.speaker and own.speaker:
        return "same"
    tokens = call.tokens[max(line.first, line.stop - LONGEST_QUESTION) : line.stop]
    return " ".join(sorted({token.fold for token in tokens if len(token.fold) >= SHORTEST_ASKED}))


def _ruled(matches: Mapping[str, Sequence[Match]]) -> dict[int, tuple[str, ...]]:
    """What the rules say of each token."""
    ruled: dict[int, tuple[str, ...]] = {}
    for name, found in sorted(matches.items()):
        for match in found if name != NOT_LEARNED else ():
            told = f"{name}:{match.label}:{match.score:.1f}"
            for number in range(match.first, match.last + 1):
                if told not in ruled.get(number, ()):
                    ruled[number] = (*ruled.get(number, ()), told)
    return ruled


def _counted(call: Call) -> dict[int, Key]:
    """For each token that is read as a number or letters: of what kind, and how long the whole is."""
    counted: dict[int, Key] = {}
    for items in call.items:
        for item in items:
            if item.kind is not Kind.WORD:
                key = (item.kind.value[0] + "a" * item.amount, 0, 0, 0)
                for token in range(item.first, item.last + 1):
                    counted[token] = key
    for number in whole_numbers(call):
        digits = sum(run.digits for run in number)
        letters = sum(len(run.value) for run in number) - digits
        size = DIGITS[min(digits, len(DIGITS) - 1)]
        for run in number:
            for item in run.items:
                for token in range(item.first, item.last + 1):
                    counted[token] = (counted[token][0], size, min(letters, 4), min(len(run.items), 4))
    return counted


def _word(words: Vocabulary, place: str, said: tuple[str, str]) -> Iterator[str]:
    """A word, its ends, its kinds and how it is written."""
    word, shape = said
    kind = class_of(word, words) if word else ""
    yield f"{place}={word if not word.isdigit() or len(word) < 2 else kind}"
    yield f"{place}:{kind}/{shape}"
    for name in _traits_of(word, words):
        yield f"{place}~{name}"
    if place in ("w-1", "w+1") and word.isalpha() and len(word) > 3:
        yield f"{place}>{word[-3:]}"
    if place == "w" and word.isalpha() and len(word) > 2:
        yield f"w:{kind}"
        yield f"w>{word[-2:]}"
        yield f"w>{word[-3:]}"
        yield f"w<{word[:3]}"
        yield f"w>{word[-4:]}"
        yield f"w#{min(len(word), 12)}:{kind}"


def _traits_of(word: str, words: Vocabulary) -> tuple[str, ...]:
    """The lists of the vocabulary that a word is on."""
    traits = words.traits.get(word)
    if traits is None:
        if len(words.traits) > MOST_CLASSES:
            words.traits.clear()
        lists = (
            (name, listed if isinstance(listed, frozenset) else getattr(words, listed))
            for name, listed in _KINDS.items()
        )
        traits = words.traits[word] = tuple(name for name, listed in lists if word in listed)
    return traits


_KINDS: dict[str, str | frozenset[str]] = {
    "street": "street_after", "before": "street_before", "Street": "street_after_capital", "flat": "flats",
    "unit": "units_after", "currency": "units_before", "title": "titles", "particle": "particles", "filler": "fillers",
    "ack": "acknowledgements", "copula": "copulas", "joint": "joints", "repeat": "repeats", "zero": "zeros",
    "alphabet": "alphabet", "never": "never_names", "ambiguous": "ambiguous", "at": "at_words", "dot": "dot_words",
    "thing": "things", "magnitude": "magnitudes", "host": MAIL_HOSTS, "ending": MAIL_ENDINGS, "clause": "clauses",
}  # fmt: skip


def _around(words: Vocabulary, before: str, word: str, after: str) -> Iterator[str]:
    yield f"b-={before}|{word}"
    yield f"b+={word}|{after}"
    yield f"b*={before}|{after}"
    yield f"b={before}|{word}|{after}"


def _pair(place: str, first: str, second: str, kind: str) -> Iterator[str]:
    yield f"{place}={first}|{second}"
    yield f"{place}={first}|{second}|{kind}"


def _rules(
    words: Vocabulary, before: tuple[str, ...], here: tuple[str, ...], after: tuple[str, ...], kind: str
) -> Iterator[str]:
    yield f"r={','.join(here)}"
    for rule in here:
        yield f"r={rule}|{kind}"
    if before != here:
        yield from (f"r-={rule}" for rule in before)
    if after != here:
        yield from (f"r+={rule}" for rule in after)


def _cues(words: Vocabulary, told: tuple[str, str], asked: tuple[str, ...], kind: str, length: int) -> Iterator[str]:
    before, after = told
    if before:
        yield f"t-={before}"
        yield f"t-={before}|{kind}"
    if after:
        yield f"t+={after}|{kind}"
    for label in asked:
        yield f"t?={label}|{kind}"
        yield f"t?={label}|{length}"
    if asked:
        yield f"t?={asked[-1]}|{kind}|{length}"


def _asked(words: Vocabulary, question: str, kind: str) -> Iterator[str]:
    yield f"q|{kind}" if question else f"q0|{kind}"
    yield from (f"q={word}|{kind}" for word in question.split())


def _number(words: Vocabulary, counted: Key, length: int, first: int, last: int) -> Iterator[str]:
    yield f"n#{length}|{first}|{last}"
    if not counted:
        return
    kind, digits, letters, items = counted
    yield f"n={kind}"
    yield f"n={kind}|{digits}|{letters > 0}"
    yield f"n={kind}|{digits}|{letters}|{items}"
    yield f"n={kind}|{digits}|{length}"


_EXPANDED: dict[str, Any] = {
    **{
        place: (lambda words, said, place=place: _word(words, place, said))
        for place in ("w-2", "w-1", "w", "w+1", "w+2")
    },
    "b": _around,
    "c": lambda words, first, second, kind: _pair("c", first, second, kind),
    "d": lambda words, first, second, kind: _pair("d", first, second, kind),
    "r": _rules,
    "t": _cues,
    "q": _asked,
    "n": _number,
}  # fmt: skip
