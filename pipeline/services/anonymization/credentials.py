"""User names, passwords and PINs: whatever is said after their name, or in answer to a question for them."""

from collections.abc import Iterator

from pipeline.services.anonymization.context import IS, Match, Score, cues_for, words_of
from pipeline.services.anonymization.reading import Call, Item, Kind

LABELS = ("PASSWORD", "USERNAME", "PIN")
LONGEST_SECRET = 8  # items
FEW = 3  # words of a secret, whatever they are
LONGEST_ANSWER = 6  # words of an answer that is nothing but the secret


def find_credentials(call: Call) -> Iterator[Match]:
    """What is told to be a secret, or asked for as one."""
    for index, items in enumerate(call.items):
        for label in LABELS:
            cues = cues_for(call, index, label)
            for cue in cues:
                yield from _secret(call, [item for item in items if item.first > cue.last], label)
            if label in call.expected[index] and not call.cues[index]:
                yield from _answer(call, items, label)


def _secret(call: Call, after: list[Item], label: str) -> Iterator[Match]:
    """The words after "password is", up to the end of the sentence or to a word that begins something else.

    Without "is" or ":" a secret has a digit or is no ordinary word: "I forgot my password yesterday" tells nothing.
    """
    position, told = 0, False
    while position < len(after) and (after[position].value in call.words.copulas or after[position].value in ":'’,"):
        told = told or after[position].value in ("is", "s", "est", "c", "was", ":")
        position += 1
    secret: list[Item] = []
    for item in after[position : position + LONGEST_SECRET]:
        if item.value in call.words.secret_stop or (item.value in ".?!;" and not _touches(call, item)):
            break
        secret.append(item)
    said = words_of(secret)
    if not said or (label == "PIN" and not any(item.kind is Kind.DIGITS for item in said)):
        return
    odd = _odd(call, said)
    if odd or (told and len(said) <= 3):
        yield Match(secret[0].first, (odd or said)[-1].last, label, Score.TOLD)


def _odd(call: Call, said: list[Item]) -> list[Item]:
    """What is no everyday word."""
    return [item for item in said if item.kind is not Kind.WORD or not call.words.is_ordinary(item.value)]


def _touches(call: Call, item: Item) -> bool:
    """Whether a mark stands inside a word, as in "blue.horse"."""
    following = item.last + 1
    return following < len(call.tokens) and call.tokens[following].glued


def _first_sentence(call: Call, items: list[Item]) -> list[Item]:
    """The items up to a full stop, but for one after "Yes."."""
    said = False
    for number, item in enumerate(items):
        if said and item.value in ".?!" and not _touches(call, item):
            return items[:number]
        said = said or (item.value.isalnum() and item.value not in call.words.acknowledgements)
    return items


def _answer(call: Call, items: list[Item], label: str) -> Iterator[Match]:
    """The secret that was asked for: all that is said but "it's" and "yes", also everyday words if they are few."""
    words = call.words
    sentence = words_of(_first_sentence(call, items))
    after = max((at for at, item in enumerate(sentence) if item.value in IS), default=-1)
    value = [item for item in sentence[after + 1 :] if item.value not in words.copulas | words.acknowledgements]
    plain = after < 0 and any(item.value in words.clauses for item in sentence)
    other = any(item.value in words.clauses or item.value in words.unnamed for item in value)
    if 1 <= len(value) <= FEW and not other and (not plain or value[0].kind is not Kind.WORD):
        yield Match(value[0].first, value[-1].last, label, Score.CHECKED)
        return
    said = [item for item in sentence if item.value not in words.copulas and item.value not in words.acknowledgements]
    if not said or len(said) > LONGEST_ANSWER:
        return
    if label == "PIN" and (other or all(item.kind is Kind.WORD for item in said)):
        return
    if any(item.value in words.clauses for item in words_of(items)) and not _odd(call, said):
        return  # "yes, I am ready"
    yield Match(said[0].first, said[-1].last, label, Score.TOLD)
