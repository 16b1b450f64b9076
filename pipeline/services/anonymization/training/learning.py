"""Learning the weights: conversations to features, features to a CRF by python-crfsuite, its weights to our model.

A model is the mean of several CRFs, each learned from other chance: what each has of its own cancels out, and the mean
costs no more to apply than one (decision 0007).
"""

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from pipeline.services.anonymization.detectors import LABELS, matches_of
from pipeline.services.anonymization.features import Key, features_of, keys_of
from pipeline.services.anonymization.model import OTHER, Limits, Model
from pipeline.services.anonymization.reading import Call, read_call
from pipeline.services.anonymization.training import public
from pipeline.services.anonymization.training.conversations import Conversation, generate
from pipeline.services.anonymization.vocabulary import Vocabulary, vocabulary_of

# The sets below are what keeps the model from leaning on what will not be there in the calls of others.
VOCABULARIES = 4  # each forgets other names
FORGOTTEN = 0.4  # share of the known names that a vocabulary forgets
SILENT = {"r": 0.4, "t": 0.3, "q": 0.3}  # kinds of keys, and the share of conversations in which they say nothing
SMALLEST = 0.03  # weights below this are dropped: they are most of all, and tell next to nothing
ALGORITHM = "l2sgd"
# crfsuite would choose the rate on a thousand samples; these, from held-out text, leave less (decision 0007).
RATE = {"calibration.eta": 0.0125, "calibration.candidates": 1, "calibration.max_trials": 1}
SETTINGS = {"c2": 0.04, "max_iterations": 16, "feature.minfreq": 2, **RATE}


class Learned(NamedTuple):
    """The weights of one CRF: of (feature, label), and of (label, label after it)."""

    features: dict[tuple[str, str], float]
    transitions: dict[tuple[str, str], float]


def learn_anew(language: str, data: Path, rows: int, seed: int) -> Learned:
    """One CRF of a language, from the public text in a folder and so many invented conversations."""
    conversations = generate(language, rows, seed)
    if language == "en":
        conversations += public.learned_from(data, seed)
    return learn(conversations, language, seed)


def learn(conversations: Sequence[Conversation], language: str, seed: int) -> Learned:
    """One CRF of a language."""
    import pycrfsuite

    shuffled = list(conversations)
    Random(seed).shuffle(shuffled)  # noqa: S311 - chance that repeats, for no secret
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.select(ALGORITHM)
    trainer.set_params(SETTINGS)
    for features, labels in examples(shuffled, language, seed):
        trainer.append(features, labels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        trainer.train(str(path))
        tagger = pycrfsuite.Tagger()
        tagger.open(str(path))
        info = tagger.info()
        return Learned(info.state_features, info.transitions)


def mean_of(learned: Sequence[Learned], words: Vocabulary) -> Model:
    """The model of the mean weights, without those that tell next to nothing; its limits are not yet chosen."""
    labels = (OTHER, *LABELS)
    total: Counter[tuple[str, str]] = Counter()
    for each in learned:
        total.update(each.features)
    weighty = {each: weight / len(learned) for each, weight in total.items() if abs(weight) >= SMALLEST * len(learned)}
    rows = {feature: row for row, feature in enumerate(dict.fromkeys(feature for feature, _ in weighty))}
    weights = np.zeros((len(rows), len(labels)), np.float32)
    for (feature, label), weight in weighty.items():
        weights[rows[feature], labels.index(label)] = weight
    transitions = np.zeros((len(labels), len(labels)), np.float32)
    for each in learned:
        for (before, after), weight in each.transitions.items():
            transitions[labels.index(before), labels.index(after)] += weight / len(learned)
    return Model(words, labels, rows, weights, transitions, Limits(0.5, 0.5, 0.5, 0.5))


def examples(
    conversations: Iterable[Conversation], language: str, seed: int
) -> Iterator[tuple[list[list[str]], list[str]]]:
    """The features and labels of the tokens of each utterance."""
    chance = Random(seed)  # noqa: S311 - chance that repeats, for no secret
    vocabularies = [forgetful(vocabulary_of(language), seed + 1 + number) for number in range(VOCABULARIES)]
    for conversation in conversations:
        words = chance.choice(vocabularies)
        call = read_call([(turn.speaker, turn.text) for turn in conversation.turns], language)
        call.words = words
        silent = {kind for kind, share in SILENT.items() if chance.random() < share}
        for line, labels in zip(keys_of(call, matches_of(call)), labels_of(call, conversation), strict=True):
            if line:
                yield [list(_features(keys, words, silent)) for keys in line], labels


def labels_of(call: Call, conversation: Conversation) -> Iterator[list[str]]:
    """The label of each token of each utterance, "O" for those that are no personal data."""
    for line, turn in zip(call.lines, conversation.turns, strict=True):
        labels = [OTHER] * (line.stop - line.first)
        for start, end, label in turn.spans:
            for number in call.tokens_in(line, line.start + start, line.start + end):
                labels[number - line.first] = label
        yield labels


def forgetful(words: Vocabulary, seed: int) -> Vocabulary:
    """A vocabulary without some of its names, as many of real callers' are in no list."""
    chance = Random(seed)  # noqa: S311 - chance that repeats, for no secret
    kept = frozenset(name for name in sorted(words.names) if chance.random() >= FORGOTTEN)
    return dataclasses.replace(words, names=kept, sure_names=words.sure_names & kept)


def _features(keys: Sequence[Key], words: Vocabulary, silent: set[str]) -> Iterator[str]:
    for key in keys:
        if key[0] not in silent:
            yield from features_of(key, words)
