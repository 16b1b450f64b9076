"""The learned detector: its weights, its arithmetic, and how it is trained."""

import argparse
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from pipeline.services.anonymization import context, model
from pipeline.services.anonymization.detectors import LABELS, matches_of
from pipeline.services.anonymization.features import features_of, keys_of
from pipeline.services.anonymization.model import (
    Limits,
    Opinion,
    marginals,
    model_of,
    opinion_of,
    read_model,
    write_model,
)
from pipeline.services.anonymization.reading import read_call
from pipeline.services.anonymization.training import __main__ as command
from pipeline.services.anonymization.training.conversations import Conversation, Turn, generate
from pipeline.services.anonymization.training.learning import Learned, examples, learn, mean_of
from pipeline.services.anonymization.training.phrases import phrasebook
from pipeline.services.anonymization.vocabulary import LANGUAGES, vocabulary_of

WEIGHTS = Path(model.__file__).parent


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_weights_are_small_and_are_read_without_pickle(language: str) -> None:
    path = WEIGHTS / f"weights.{language}.npz"
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    assert path.stat().st_size < 5_000_000  # both together under 10 MB


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_model_knows_our_labels(language: str) -> None:
    assert model_of(language).labels == ("O", *LABELS)


def test_probabilities_are_those_of_all_paths_together() -> None:
    random = np.random.default_rng(7)
    sequences = [random.normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 0, 4, 2)]
    transitions = random.normal(size=(3, 3)).astype(np.float32)
    for scores, found in zip(sequences, marginals(sequences, transitions), strict=True):
        wanted = np.zeros(scores.shape)
        for path in product(range(3), repeat=len(scores)):
            steps = sum(transitions[a, b] for a, b in pairwise(path))
            weight = np.exp(sum(scores[place, label] for place, label in enumerate(path)) + steps)
            for place, label in enumerate(path):
                wanted[place, label] += weight
        assert found.shape == scores.shape
        if len(scores):
            np.testing.assert_allclose(found, wanted / wanted[0].sum(), rtol=1e-3)


def test_kept_sums_are_those_of_the_features_weights() -> None:
    call = read_call([("agent", "can i have your name"), ("customer", "sure it's karan mehta")], "en")
    english = model_of("en")
    (_, line) = keys_of(call, matches_of(call))
    rows = [english.rows[each] for key in line[-1] for each in features_of(key, english.words) if each in english.rows]
    alone = english.probabilities([line[-1:]])[0][0]
    scores = english.weights[rows].sum(axis=0)
    np.testing.assert_allclose(alone, np.exp(scores) / np.exp(scores).sum(), rtol=1e-3, atol=1e-5)
    again = english.probabilities([line[-1:]])[0][0]
    np.testing.assert_array_equal(alone, again)


def test_what_a_rule_found_loses_the_ends_that_are_nothing_personal_to_the_model() -> None:
    limits = Limits(0.5, 0.5, 0.5, 0.5, told=0.01, shape=0.1)
    opinion = Opinion([], np.array([0.05, 0.4, 0.02, 0.3, 0.001], np.float32), np.zeros(5, np.intp))

    def narrowed(score: float) -> context.Match | None:
        return opinion.narrowed(context.Match(0, 4, "NAME", score), limits)

    assert narrowed(context.Score.CHECKED) == context.Match(0, 4, "NAME", context.Score.CHECKED)
    assert narrowed(context.Score.TOLD) == context.Match(0, 3, "NAME", context.Score.TOLD)
    assert narrowed(context.Score.SHAPE) == context.Match(1, 3, "NAME", context.Score.SHAPE)
    assert opinion.narrowed(context.Match(4, 4, "NAME", context.Score.TOLD), limits) is None


def test_a_secret_that_nobody_asked_for_has_a_threshold_of_its_own() -> None:
    english = model_of("en")
    alone = read_call([("customer", "purple monkey 12")], "en")
    asked = read_call([("agent", "your password please"), ("customer", "purple monkey 12")], "en")
    secrets = {english.labels.index(label) for label in model.ANY_WORDS}
    assert not secrets & set(opinion_of(alone, {}, english).kinds.tolist())
    assert english.labels.index("PASSWORD") in opinion_of(asked, {}, english).kinds.tolist()
    assert english.limits.thresholds(english.labels)[-1] == pytest.approx(english.limits.secret)


def test_lines_are_read_alike_alone_and_among_others() -> None:
    lines = ["hello", "my name is karan mehta and i need help", "4155550132", ""]
    english = model_of("en")
    together = read_call([("", line) for line in lines], "en")
    silent: dict[str, list[context.Match]] = {}
    keys = list(keys_of(together, silent))
    apart = [english.probabilities([line])[0] for line in keys]
    for one, other in zip(apart, english.probabilities(keys), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_model_is_written_and_read_as_it_was(tmp_path: Path) -> None:
    english = model_of("en")
    write_model(tmp_path / "copy.npz", english)
    copy = read_model(tmp_path / "copy.npz", english.words)
    assert (copy.labels, copy.rows, copy.limits) == (
        english.labels, english.rows, english.limits,
    )  # fmt: skip
    np.testing.assert_array_equal(copy.weights, english.weights)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_generator_invents_the_same_calls_for_the_same_seed(language: str) -> None:
    assert generate(language, 40, 3) == generate(language, 40, 3)
    assert generate(language, 40, 3) != generate(language, 40, 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_invented_spans_lie_on_words_and_have_our_labels(language: str) -> None:
    for call in generate(language, 300, 5):
        for turn in call.turns:
            for start, end, label in turn.spans:
                value = turn.text[start:end]
                assert label in LABELS
                assert value == value.strip()
                assert value
                assert start == 0 or turn.text[start - 1] == " "


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_kept_for_measuring_are_not_learned_from(language: str) -> None:
    learned, kept = phrasebook(language), phrasebook(language, held_out=True)
    assert not set(learned.talk) & set(kept.talk)
    assert not set(learned.tell["NAME"]) & set(kept.tell["NAME"])
    assert not set(learned.ask["ADDRESS"]) & set(kept.ask["ADDRESS"])


def test_each_token_gets_the_label_of_the_span_over_it() -> None:
    call = Conversation("en", (Turn("", "i'm karan, 4155", ((4, 9, "NAME"), (11, 15, "PHONE"))),))
    ((_, labels),) = examples([call], "en", 1)
    assert labels == ["O", "O", "O", "NAME", "O", "PHONE"]


def test_a_few_invented_calls_teach_a_name_that_no_list_has() -> None:
    small = mean_of([learn(generate("en", 800, 1), "en", 1)], vocabulary_of("en"))
    call = read_call([("agent", "what is your name please"), ("customer", "it's brozanel")], "en")
    call.words = vocabulary_of("en")
    hidden = opinion_of(call, {}, small).hidden
    assert hidden[-1] > 0.5
    assert hidden[:5].max() < 0.5


def test_a_model_is_the_mean_of_what_was_learned_without_what_tells_next_to_nothing() -> None:
    one = Learned({("w=mary", "NAME"): 2.0, ("w=oak", "NAME"): 0.05}, {("O", "NAME"): 1.0})
    other = Learned({("w=mary", "NAME"): 1.0, ("w=oak", "ADDRESS"): 4.0}, {("O", "NAME"): -0.5})
    mean = mean_of([one, other], vocabulary_of("en"))
    name, address, nothing = (mean.labels.index(label) for label in ("NAME", "ADDRESS", "O"))
    assert mean.weights[mean.rows["w=mary"], name] == 1.5
    assert mean.weights[mean.rows["w=oak"]][[name, address]].tolist() == [0, 2]
    assert mean.transitions[nothing, name] == 0.25


def test_training_writes_weights_and_says_what_they_are_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "MEASURED", 20)
    command.train("fr", argparse.Namespace(rows=60, seed=1, data=tmp_path, out=tmp_path))
    trained = read_model(tmp_path / "weights.fr.npz", vocabulary_of("fr"))
    assert 0 < trained.limits.threshold < 1
    assert "| invented |" in capsys.readouterr().out


def test_detection_loads_no_library_that_it_does_not_use() -> None:
    said = "import sys, pipeline.services.anonymization.detectors; print({'scipy', 'sklearn'} & set(sys.modules)); import scipy"
    assert subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True).stdout == "set()\n"
