"""Choosing the model's limits on text that it has not learned from, and a table of what it is worth there.

Counted are letters and digits. *Leak* is the share of those of personal data that stays in the clear, *over* the share
of all others that is hidden; by the rules alone, the model alone, and both united.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.services.anonymization.context import Match, Score
from pipeline.services.anonymization.detectors import LABELS, matches_of
from pipeline.services.anonymization.model import OTHER, Limits, Model, Numbers, opinion_of
from pipeline.services.anonymization.reading import read_call
from pipeline.services.anonymization.training.conversations import Conversation
from pipeline.services.anonymization.training.learning import labels_of
from pipeline.services.anonymization.vocabulary import Vocabulary

CHOICES = {  # values that are tried for each of the limits
    "threshold": (0.2, 0.25, 0.3),  # below that "check in is from quarter to six" was; more gains next to nothing
    "secret": (0.3, 0.4, 0.5, 0.6),  # any words may be one, and below that "badly damaged" was
    "told": (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
    "shape": (0.0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12),
    "doubt": (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.16, 0.2),
}
NAME = 0.2  # set for recall: 0.5 leaves a third more of invented names, and hides a fifth less for nothing
ADDRESS = 0.05  # a lost address is long, many have neither number nor street; below this "iphone 14" was one
ROUNDS = 3  # so many times each limit is chosen anew beside the others
BINDING = 2  # a leak beyond its goal counts so many times as much
GOALS = {  # leak and over that are good enough, by the first word of a set's name
    "MultiDoGO": (0.02, 0.01),  # asked is 0.015, where more names are unlabelled than here
    "presidio-research": (0.08, 0.03),
    "invented": (0.025, 0.015),
    "NLU++": (0.08, 0.005),
    "questions": (1.0, 0.005),
}


Covered = NDArray[np.bool_]
LABELLED = (OTHER, *LABELS)
SCORES = (Score.CHECKED, Score.TOLD, Score.SHAPE, Score.DOUBT)
LEAST = 1e-9  # stands for no probability at all where a rule found something


class Seen(NamedTuple):
    """The tokens of a set: how many letters and digits each has, its label, what rules and model say of it."""

    letters: Numbers
    labels: Sequence[str]
    personal: Covered  # whether it has another label than "O"
    ruled: Mapping[float, Numbers]  # by the score of a rule: the limit up to which what it found stays hidden; else 0
    hidden: Numbers  # the model's probability that it is personal data
    kinds: NDArray[np.intp]  # the number of its threshold (``Opinion.kinds``)


def seen(conversations: Sequence[Conversation], model: Model, words: Vocabulary) -> Seen:
    """What rules and model say of conversations."""
    letters: list[int] = []
    labels: list[str] = []
    hidden: list[Numbers] = []
    kinds: list[NDArray[np.intp]] = []
    ruled: dict[float, list[Numbers]] = {score: [] for score in SCORES}
    for conversation in conversations:
        call = read_call([(turn.speaker, turn.text) for turn in conversation.turns], conversation.language)
        call.words = words
        matches = matches_of(call)
        opinion = opinion_of(call, matches, model)
        found = [match for each in matches.values() for match in each]
        for score in SCORES:
            ruled[score].append(_held([match for match in found if match.score == score], opinion.hidden))
        letters.extend(len(token.text) if token.text.isalnum() else 0 for token in call.tokens)
        labels.extend(label for line in labels_of(call, conversation) for label in line)
        hidden.append(opinion.hidden)
        kinds.append(opinion.kinds)
    held = {score: np.concatenate(each) for score, each in ruled.items()}
    personal = np.array([label != OTHER for label in labels])
    return Seen(np.array(letters, np.float32), labels, personal, held, np.concatenate(hidden), np.concatenate(kinds))


def _held(matches: Sequence[Match], hidden: Numbers) -> Numbers:
    """For each token in matches the limit up to which it stays, when the ends below a limit are taken off; else 0."""
    held = np.zeros(len(hidden), np.float32)
    for match in matches:
        inside = slice(match.first, match.last + 1)
        chances = np.maximum(hidden[inside], LEAST)
        before, after = np.maximum.accumulate(chances), np.maximum.accumulate(chances[::-1])[::-1]
        held[inside] = np.maximum(held[inside], np.minimum(before, after))
    return held


def shares(each: Seen, limits: Limits) -> tuple[float, float]:
    """Leak and over of rules and model united. A threshold over 1 leaves the model out."""
    return _shares(each, _covered(each, limits))


def _covered(each: Seen, limits: Limits) -> Covered:
    covered = each.hidden >= limits.thresholds(LABELLED)[each.kinds]
    for score, held in each.ruled.items():
        covered |= (held > 0) & (held >= limits.least(score))
    return covered


def _shares(each: Seen, covered: Covered) -> tuple[float, float]:
    personal = each.personal
    leaked = float(each.letters[personal & ~covered].sum()) / max(1.0, float(each.letters[personal].sum()))
    over = float(each.letters[~personal & covered].sum()) / max(1.0, float(each.letters[~personal].sum()))
    return leaked, over


def choose(sets: Mapping[str, Seen]) -> Limits:
    """The limits that miss the goals least, over all sets: leak and over each as parts of its goal."""

    def cost(limits: Limits) -> float:
        total = 0.0
        for name, each in sets.items():
            leak, over = (
                share / goal for share, goal in zip(shares(each, limits), GOALS[name.split()[0]], strict=True)
            )
            total += leak + BINDING * max(0.0, leak - 1) + over
        return total

    limits = Limits(threshold=0.2, name=NAME, address=ADDRESS, secret=0.5)
    for _ in range(ROUNDS):
        for name, choices in CHOICES.items():
            limits = min((limits._replace(**{name: choice}) for choice in choices), key=cost)
    return limits


def report(sets: Mapping[str, Seen], limits: Limits) -> Iterator[str]:
    """Lines of a table: leak / over of each set by rules, model and both, then the leak of each label by both."""
    yield "| text | rules | model | both |"
    yield "|---|---|---|---|"
    for name, each in sets.items():
        alone = _shares(each, each.hidden >= limits.thresholds(LABELLED)[each.kinds])
        ways = (shares(each, Limits(2, 2, 2, 2)), alone, shares(each, limits))
        yield f"| {name} | " + " | ".join(f"{leak:.2%} / {over:.2%}" for leak, over in ways) + " |"
    yield ""
    for name, each in sets.items():
        yield f"{name}: " + ", ".join(f"{label} {leak:.1%}" for label, leak in _by_label(each, limits))


def _by_label(each: Seen, limits: Limits) -> list[tuple[str, float]]:
    total: Counter[str] = Counter()
    leaked: Counter[str] = Counter()
    covered = _covered(each, limits).tolist()
    for label, letters, hidden in zip(each.labels, each.letters.tolist(), covered, strict=True):
        if label != OTHER:
            total[label] += letters
            leaked[label] += 0 if hidden else letters
    return [(label, leaked[label] / total[label]) for label in sorted(total)]
