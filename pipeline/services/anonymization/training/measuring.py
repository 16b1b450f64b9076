"""Choosing the model's limits on text that it has not learned from, and a table of what it is worth there.

Counted are letters and digits. *Leak* is the share of those of personal data that stays in the clear, *over* the share
of all others that is hidden; by the rules alone, the model alone, and both united.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.services.anonymization.context import Score
from pipeline.services.anonymization.detectors import matches_of
from pipeline.services.anonymization.model import OTHER, Model, Numbers, opinion_of
from pipeline.services.anonymization.reading import read_call
from pipeline.services.anonymization.training.conversations import Conversation
from pipeline.services.anonymization.training.learning import labels_of
from pipeline.services.anonymization.vocabulary import Vocabulary

THRESHOLDS = (0.03, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
DOUBTS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05)
GOALS = {  # leak and over that are good enough, by the first word of a set's name
    "MultiDoGO": (0.02, 0.015),
    "presidio-research": (0.08, 0.03),
    "invented": (0.01, 0.015),
    "questions": (1.0, 0.005),
}


class Seen(NamedTuple):
    """The tokens of a set: how many letters and digits each has, its label, what rules and model say of it."""

    letters: Numbers
    labels: Sequence[str]
    proven: Numbers  # 1 where a rule has proof, or was told
    shaped: Numbers  # where a rule goes by shape: the highest of the model's probabilities in what it found; else 0
    hidden: Numbers  # the model's probability that it is personal data


def seen(conversations: Sequence[Conversation], model: Model, words: Vocabulary) -> Seen:
    """What rules and model say of conversations."""
    letters: list[int] = []
    labels: list[str] = []
    proven, shaped, hidden = [], [], []
    for conversation in conversations:
        call = read_call([(turn.speaker, turn.text) for turn in conversation.turns], conversation.language)
        call.words = words
        matches = matches_of(call)
        opinion = opinion_of(call, matches, model)
        sure, likely = np.zeros(len(call.tokens), np.float32), np.zeros(len(call.tokens), np.float32)
        for match in (match for found in matches.values() for match in found):
            stretch = slice(match.first, match.last + 1)
            if match.score > Score.SHAPE:
                sure[stretch] = 1
            else:
                likely[stretch] = np.maximum(likely[stretch], max(opinion.hidden[stretch].max(), 1e-9))
        letters.extend(len(token.text) if token.text.isalnum() else 0 for token in call.tokens)
        labels.extend(label for line in labels_of(call, conversation) for label in line)
        proven.append(sure)
        shaped.append(likely)
        hidden.append(opinion.hidden)
    parts = [np.concatenate(each) for each in (proven, shaped, hidden)]
    return Seen(np.array(letters, np.float32), labels, *parts)


def shares(each: Seen, threshold: float, doubt: float) -> tuple[float, float]:
    """Leak and over of rules and model united. A threshold over 1 leaves the model out."""
    return _shares(each, (each.hidden >= threshold) | (each.proven > 0) | ((each.shaped > 0) & (each.shaped >= doubt)))


def _shares(each: Seen, covered: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[float, float]:
    personal = np.array([label != OTHER for label in each.labels])
    leaked = float(each.letters[personal & ~covered].sum()) / max(1.0, float(each.letters[personal].sum()))
    over = float(each.letters[~personal & covered].sum()) / max(1.0, float(each.letters[~personal].sum()))
    return leaked, over


def choose(sets: Mapping[str, Seen]) -> tuple[float, float]:
    """The threshold and the doubt that miss the goals least, over all sets: leak and over each as parts of its goal."""

    def cost(limits: tuple[float, float]) -> float:
        total = 0.0
        for name, each in sets.items():
            leak, over = shares(each, *limits)
            most_leak, most_over = GOALS[name.split()[0]]
            total += leak / most_leak + over / most_over
        return total

    return min(((threshold, doubt) for threshold in THRESHOLDS for doubt in DOUBTS if doubt < threshold), key=cost)


def report(sets: Mapping[str, Seen], threshold: float, doubt: float) -> Iterator[str]:
    """Lines of a table: leak / over of each set by rules, model and both, then the leak of each label by both."""
    yield "| text | rules | model | both |"
    yield "|---|---|---|---|"
    for name, each in sets.items():
        ways = (shares(each, 2, 0), _shares(each, each.hidden >= threshold), shares(each, threshold, doubt))
        yield f"| {name} | " + " | ".join(f"{leak:.2%} / {over:.2%}" for leak, over in ways) + " |"
    yield ""
    for name, each in sets.items():
        yield f"{name}: " + ", ".join(f"{label} {leak:.1%}" for label, leak in _by_label(each, threshold, doubt))


def _by_label(each: Seen, threshold: float, doubt: float) -> list[tuple[str, float]]:
    total: Counter[str] = Counter()
    leaked: Counter[str] = Counter()
    covered = (each.hidden >= threshold) | (each.proven > 0) | ((each.shaped > 0) & (each.shaped >= doubt))
    for label, letters, hidden in zip(each.labels, each.letters.tolist(), covered.tolist(), strict=True):
        if label != OTHER:
            total[label] += letters
            leaked[label] += 0 if hidden else letters
    return [(label, leaked[label] / total[label]) for label in sorted(total)]
