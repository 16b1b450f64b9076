"""The learned detector: a linear-chain CRF over the tokens of each utterance, its weights beside this file.

``training`` learns the weights (``weights.en.npz``, ``weights.fr.npz``); how a token looks to it is in ``features``. A
token is personal data if all labels but ``O`` together are likelier than a threshold, which training chose for recall.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.services.anonymization.context import DATE, HARMLESS, YEAR, Match, Score, told_near
from pipeline.services.anonymization.features import Key, features_of, keys_of
from pipeline.services.anonymization.reading import Call, Kind
from pipeline.services.anonymization.vocabulary import LANGUAGES, Vocabulary, vocabulary_of

Numbers = NDArray[np.float32]

OTHER = "O"
MOST_KEPT = 150_000  # keys whose sums a model keeps (11 MB of them); then it starts anew, so that memory stays flat
AT_ONCE = 2048  # tokens whose scores are added up at once
ANY_WORDS = ("PASSWORD", "USERNAME")  # what any words may be ("badly damaged")
NUMBERS = ("CARD", "CVV", "PIN", "SSN", "NIR", "PHONE", "ACCOUNT", "CARD_EXPIRY")  # what fillers are no part of
LONGEST_HARMLESS = 6  # tokens of a number that answers "how many"
NEVER = 1.1  # more than any probability
UNASKED = 0.6  # probability that a year or a day needs to be anything else, where nobody asked for that
SURE = 0.9  # from this probability on a finding is as certain as one that has the shape of personal data


class Limits(NamedTuple):
    """Probabilities of being personal data, chosen by training.

    From ``threshold`` on a token is hidden; from ``name`` or ``address`` on if it is rather a part of one, from
    ``secret`` on if it is rather one of ``ANY_WORDS`` and nobody asked for that. What a rule found loses the tokens at
    its ends, and so perhaps all, that have less than ``told``, ``shape`` or ``doubt``, by how sure the rule is. What is
    checked stays.
    """

    threshold: float
    name: float
    address: float
    secret: float
    told: float = 0.0
    shape: float = 0.0
    doubt: float = 0.0

    def thresholds(self, labels: Sequence[str]) -> Numbers:
        """The threshold of each label, and last that of a secret that nobody asked for."""
        own = {"NAME": self.name, "ADDRESS": self.address}
        return np.array([*(own.get(label, self.threshold) for label in labels), self.secret], np.float32)

    def least(self, score: float) -> float:
        """The limit for what a rule found with this score."""
        if score > Score.TOLD:
            return 0.0
        return self.told if score > Score.SHAPE else self.shape if score > Score.DOUBT else self.doubt


class Model:
    """The weights of each feature for each label, and of each label after another.

    ``labels[0]`` is ``O``. ``rows`` tells the row of a feature in ``weights`` (features, labels).
    """

    def __init__(
        self,
        words: Vocabulary,
        labels: Sequence[str],
        rows: Mapping[str, int],
        weights: Numbers,
        transitions: Numbers,
        limits: Limits,
    ) -> None:
        self.words = words
        self.labels = tuple(labels)
        self.rows = rows
        self.weights = weights
        self.transitions = transitions
        self.set_limits(limits)
        self._places = _Places()
        self._sums: Numbers = np.zeros((1024, len(self.labels)), np.float32)

    def set_limits(self, limits: Limits) -> None:
        """Decide by these limits from now on."""
        self.limits = limits
        self.thresholds = limits.thresholds(self.labels)

    def probabilities(self, lines: Sequence[Sequence[Sequence[Key]]]) -> list[Numbers]:
        """For each utterance, given the keys of its tokens, the probabilities of the labels: (tokens, labels)."""
        if not lines:
            return []
        tokens = [keys for line in lines for keys in line]
        scores = np.zeros((len(tokens), len(self.labels)), np.float32)
        for start in range(0, len(tokens), AT_ONCE):
            scores[start : start + AT_ONCE] = self._scores(tokens[start : start + AT_ONCE])
        ends = np.cumsum([len(line) for line in lines])
        return marginals(np.split(scores, ends[:-1]), self.transitions)

    def _scores(self, tokens: Sequence[Sequence[Key]]) -> Numbers:
        """The sums of the weights of tokens: (tokens, labels)."""
        if len(self._places) > MOST_KEPT:
            self._places.clear()
        known, place_of = len(self._places), self._places.__getitem__
        chosen = [list(map(place_of, keys)) for keys in tokens]
        fresh = list(islice(reversed(self._places), len(self._places) - known))
        self._add(fresh[::-1], known)
        scores: Numbers = self._sums[chosen].sum(axis=1)
        return scores

    def _add(self, keys: Collection[Key], known: int) -> None:
        """Add up the weights of keys that are met for the first time, behind the ``known`` ones."""
        row_of, rows, counts = self.rows.get, list[int](), list[int]()
        for key in keys:
            found = [row for row in map(row_of, features_of(key, self.words)) if row is not None]
            rows += found
            counts.append(len(found))
        while known + len(keys) > len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        sizes = np.array(counts, np.int64)
        filled, starts = np.flatnonzero(sizes), np.cumsum(sizes) - sizes
        self._sums[known : known + len(keys)] = 0
        if len(filled):
            self._sums[known + filled] = np.add.reduceat(self.weights[rows], starts[filled])


class _Places(dict[Key, int]):
    """The number of each key, in the order in which they were first asked for."""

    def __missing__(self, key: Key) -> int:
        place = self[key] = len(self)
        return place


def marginals(scores: Sequence[Numbers], transitions: Numbers) -> list[Numbers]:
    """The probability of each label of each token: forward and backward through all sequences side by side.

    ``scores`` holds a matrix (tokens, labels) a sequence. Sequences are sorted by length, so that those which still go
    on at a step are the first rows.
    """
    order = sorted(range(len(scores)), key=lambda number: -len(scores[number]))
    order = [number for number in order if len(scores[number])]
    lengths = np.array([len(scores[number]) for number in order])
    steps = int(lengths[0]) if order else 0
    going = [int((lengths > step).sum()) for step in range(steps)]
    starts = np.cumsum(lengths) - lengths
    if not steps:
        return [np.zeros_like(each) for each in scores]
    flat = np.concatenate([scores[number] for number in order])
    likely = np.exp(flat - flat.max(axis=1, keepdims=True))
    follows = np.exp(transitions)
    forward, backward = np.empty_like(likely), np.empty_like(likely)
    state = np.ones((len(order), likely.shape[1]), np.float32)
    for step in range(steps):
        here = starts[: going[step]] + step
        state = likely[here] * (state[: going[step]] @ follows if step else state)
        state /= state.sum(axis=1, keepdims=True)
        forward[here] = state
    state = np.ones((going[-1], likely.shape[1]), np.float32)
    for step in range(steps - 1, -1, -1):
        here = starts[: going[step]] + step
        if going[step] > len(state):
            state = np.concatenate([state, np.ones((going[step] - len(state), likely.shape[1]), np.float32)])
        backward[here] = state
        state = (likely[here] * state) @ follows.T
        state /= state.sum(axis=1, keepdims=True)
    both = forward * backward
    both /= both.sum(axis=1, keepdims=True)
    found = [np.zeros_like(each) for each in scores]
    for number, start, length in zip(order, starts, lengths, strict=True):
        found[number] = both[start : start + length]
    return found


class Opinion(NamedTuple):
    """What the model takes for personal data; how likely each token of the call is any, and the label it would have."""

    matches: list[Match]
    hidden: Numbers
    kinds: NDArray[np.intp]  # numbers of thresholds: those of the labels, or that of a secret that nobody asked for

    def narrowed(self, match: Match, limits: Limits) -> Match | None:
        """A match of a rule without the tokens at its ends that are nothing personal to the model; None without any."""
        least = limits.least(match.score)
        if not least:
            return match
        likely = np.flatnonzero(self.hidden[match.first : match.last + 1] >= least)
        if not len(likely):
            return None
        return match._replace(first=match.first + int(likely[0]), last=match.first + int(likely[-1]))


def opinion_of(call: Call, matches: Mapping[str, Sequence[Match]], model: Model) -> Opinion:
    """What a model says of a call. ``matches`` are those of the rules, by the rule's name."""
    chances = model.probabilities(list(keys_of(call, matches)))
    every = np.concatenate(chances) if chances else np.zeros((0, len(model.labels)), np.float32)
    hidden, best = 1 - every[:, 0], every[:, 1:].argmax(axis=1) + 1
    kinds = best.copy()
    any_words = {label: model.labels.index(label) for label in ANY_WORDS}
    for line, expected in zip(call.lines, call.expected, strict=True):
        here = kinds[line.first : line.stop]
        for label, number in any_words.items():
            if label not in expected:
                here[here == number] = len(model.labels)
    labelled = np.where(hidden >= model.thresholds[kinds], best, 0)
    return Opinion(list(_stretches(call, model, hidden, labelled)), hidden, kinds)


def _stretches(call: Call, model: Model, hidden: Numbers, labelled: NDArray[np.intp]) -> Iterator[Match]:
    """Tokens of an utterance in a row that have the same label, as one match. ``labelled``: its number, 0 for none."""
    for index, line in enumerate(call.lines):
        first = line.first
        for number, group in groupby(labelled[line.first : line.stop].tolist()):
            stop = first + len(list(group))
            if number:
                surest, label = float(hidden[first:stop].max()), model.labels[number]
                if surest >= _needed(call, index, range(first, stop), label):
                    yield from _trimmed(call, first, stop - 1, label, surest)
            first = stop


def _needed(call: Call, index: int, tokens: range, label: str) -> float:
    """The probability that a stretch needs beyond the limits, because it mostly is something else.

    A year alone is mostly one, that of "my 2018 ford" always, and so is a day in figures; "2018 tesla" is no name.
    """
    expected = call.expected[index]
    first = next((number for number in tokens if call.tokens[number].fold not in call.words.determiners), tokens.start)
    alone, text = first + 1 == tokens.stop, call.tokens[first].text
    of_thing = first > 0 and call.tokens[first - 1].fold in call.words.determiners
    dated = YEAR.fullmatch(text) or DATE.fullmatch(text)
    if dated and (alone or of_thing) and label not in expected:
        return NEVER if of_thing else UNASKED
    inside = first > call.lines[index].first
    if label == "NAME" and label not in expected and inside and YEAR.fullmatch(call.tokens[first - 1].text):
        return SURE
    if label == "ADDRESS":
        return _needed_of_address(call, range(first, tokens.stop), asked=label in expected)
    return _needed_of_number(call, index, tokens, label) if label in (*NUMBERS, "IBAN") else 0.0


def _needed_of_address(call: Call, tokens: range, *, asked: bool) -> float:
    """Of an address: "formidable" never is one, a number and its unit hardly ever, where nobody asked for one."""
    words = call.words
    if all(call.tokens[number].fold in words.never_names for number in tokens):
        return NEVER
    measured = len(tokens) == 2 and call.tokens[tokens[1]].fold in words.units_after
    return UNASKED if measured and not asked else 0.0


def _needed_of_number(call: Call, index: int, tokens: range, label: str) -> float:
    """Of a number: words without a figure or a letter said alone are none; a short one in answer to "how many" or by
    "error code" is harmless.
    """
    expected = call.expected[index]
    inside = call.items_in(call.tokens[tokens.start].start, call.tokens[tokens.stop - 1].end)
    if label not in expected and not any(item.kind in (Kind.DIGITS, Kind.LETTERS) for item in inside):
        return NEVER
    asked = (told,) if (told := told_near(call, index, tokens.start, tokens.stop - 1)) else expected
    harmless = bool(asked) and HARMLESS.issuperset(asked)
    return SURE if harmless and label in NUMBERS and len(tokens) <= LONGEST_HARMLESS else 0.0


def _trimmed(call: Call, first: int, last: int, label: str, surest: float) -> Iterator[Match]:
    """A match without marks at its ends, "yes" or a title before a name, "so" about a number, "and" about an address.

    In the middle of a sentence with capitals a name of several words does not end in a verb such as "will".
    """
    words, nothing = call.words, frozenset[str]()
    around = words.fillers if label in NUMBERS else nothing
    outside = {"NAME": words.titles, "ADDRESS": words.address_stop}.get(label, around)
    before = outside | words.never_names if label == "NAME" else outside
    while first <= last and (not call.tokens[first].text.isalnum() or call.tokens[first].fold in before):
        first += 1
    if label == "NAME" and first == last and _is_unnamed(call, first):
        return
    ending = words.secret_stop if label == "ADDRESS" else around
    if label == "NAME" and call.text[call.tokens[min(first, last)].start].isupper():
        ending = words.clauses
    while last >= first and (
        not call.tokens[last].text.isalnum() or (last > first and _begins_clause(call, last, label, ending))
    ):
        last -= 1
    if first <= last:
        yield Match(first, last, label, Score.SHAPE if surest >= SURE else Score.DOUBT)


def _is_unnamed(call: Call, position: int) -> bool:
    """Whether a word that stands alone, in lower case, is one that follows "my name" and is none."""
    return call.tokens[position].fold in call.words.unnamed and call.tokens[position].text.islower()


def _begins_clause(call: Call, position: int, label: str, ending: Collection[str]) -> bool:
    """Whether a token is of what follows a match: one of some words, or "I" after the comma behind a name."""
    after_mark = label == "NAME" and not call.tokens[position - 1].text.isalnum()
    return call.tokens[position].text in ending or (after_mark and call.tokens[position].fold in call.words.clauses)


@cache
def model_of(language: str) -> Model:
    """The model of a language, read once a process."""
    return read_model(weights_of(language), vocabulary_of(language))


def weights_of(language: str) -> Path:
    """The file of a language's weights; English for one that has none of its own."""
    return Path(__file__).with_name(f"weights.{language if language in LANGUAGES else 'en'}.npz")


def read_model(path: Path, words: Vocabulary) -> Model:
    """Read a model that ``write_model`` wrote: plain arrays, no pickle."""
    with np.load(path, allow_pickle=False) as file:
        stored: dict[str, Any] = {name: file[name] for name in file.files}
    features = stored["features"].tobytes().decode("utf-8").split("\n")
    labels = stored["labels"].tobytes().decode("utf-8").split("\n")
    weights = np.zeros((len(features), len(labels)), np.float32)
    weights[np.repeat(np.arange(len(features)), stored["counts"]), stored["columns"]] = stored["values"]
    rows = {feature: row for row, feature in enumerate(features)}
    return Model(words, labels, rows, weights, stored["transitions"], Limits(*map(float, stored["limits"])))


def write_model(path: Path, model: Model) -> None:
    """Write a model's weights, those that are not zero, in half precision."""
    present = model.weights != 0
    features = sorted(model.rows, key=model.rows.__getitem__)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            features=np.frombuffer("\n".join(features).encode("utf-8"), np.uint8),
            labels=np.frombuffer("\n".join(model.labels).encode("utf-8"), np.uint8),
            counts=present.sum(axis=1).astype(np.uint8),
            columns=np.nonzero(present)[1].astype(np.uint8),
            values=model.weights[present].astype(np.float16),
            transitions=model.transitions.astype(np.float32),
            limits=np.array(model.limits, np.float32),
        )
