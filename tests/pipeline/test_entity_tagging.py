"""Entity tagging with the real spaCy models."""

import pytest

from pipeline.documents import Transcript, Utterance
from pipeline.services.entity_tagging import tag_entities


def call(language: str, *texts: str) -> Transcript:
    utterances = tuple(
        Utterance(index=index, speaker="customer", channel=0, start=float(index), end=index + 1.0, text=text)
        for index, text in enumerate(texts)
    )
    return Transcript(language=language, duration=float(len(texts)), utterances=utterances)


@pytest.mark.parametrize(
    ("language", "text", "label", "words"),
    [
        ("en", "Hi, this is Sarah Connor speaking.", "PERSON", "Sarah Connor"),
        ("en", "I moved from Boston last week.", "GPE", "Boston"),
        ("fr", "Bonjour, je m'appelle Jean Dupont.", "PERSON", "Jean Dupont"),  # PER, folded to PERSON
        ("fr", "Je suis parti de Lyon hier.", "LOC", "Lyon"),
    ],
)
def test_an_entity_is_found_by_the_model_of_its_language(language: str, text: str, label: str, words: str) -> None:
    entities = tag_entities(call(language, text)).entities
    assert (label, words) in [(entity.label, text[entity.start_char : entity.end_char]) for entity in entities]


def test_offsets_are_those_of_each_utterance() -> None:
    texts = ("Good morning.", "I moved from Boston to Chicago.", "", "Is Boston far?")
    towns = [entity for entity in tag_entities(call("en", *texts)).entities if entity.label == "GPE"]
    words = [(entity.utterance, texts[entity.utterance][entity.start_char : entity.end_char]) for entity in towns]
    assert words == [(1, "Boston"), (1, "Chicago"), (3, "Boston")]


def test_a_language_without_a_model_has_no_entities() -> None:
    assert tag_entities(call("fi", "Hei, olen Matti Meikäläinen Helsingistä.")).entities == ()


def test_a_call_without_words_has_no_entities() -> None:
    assert tag_entities(call("en")).entities == ()
