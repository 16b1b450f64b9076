"""The safe transcript: text, words, redactions and entities after anonymization."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.documents import Entities, Entity, RedactionPolicy, Transcript, Utterance, Word, encode
from pipeline.services.anonymization import anonymize

NOTHING = Entities()
HIDE_ALL = RedactionPolicy()


def utterance(index: int, text: str, *, speaker: str = "customer", channel: int = 1, timed: bool = True) -> Utterance:
    """An utterance that starts at ten times its index, with half a second a word."""
    begin = 10.0 * index
    words = tuple(
        Word(text=word, start=begin + number / 2, end=begin + number / 2 + 0.4, probability=0.8)
        if timed
        else Word(text=word)
        for number, word in enumerate(text.split(" "))
        if word
    )
    return Utterance(
        index=index, speaker=speaker, channel=channel, start=begin, end=begin + len(words) / 2, text=text, words=words
    )


def transcript(*texts: str, language: str = "en") -> Transcript:
    utterances = tuple(utterance(index, text) for index, text in enumerate(texts))
    return Transcript(language=language, duration=60.0, utterances=utterances, channels=2, engine="e", model="m")


def test_a_spoken_phone_number_becomes_one_word_with_its_times() -> None:
    safe = anonymize(transcript("call me on five five five oh one four two please"), NOTHING, HIDE_ALL).transcript
    said = safe.utterances[0]
    assert said.text == "call me on [PHONE_1] please"
    assert said.words[3] == Word(text="[PHONE_1]", start=1.5, end=4.9, probability=1.0)
    [redaction] = safe.redactions
    assert (redaction.label, redaction.placeholder, redaction.utterance, redaction.channel) == (
        "PHONE", "[PHONE_1]", 0, 1,
    )  # fmt: skip
    assert (redaction.start, redaction.end) == (1.5, 4.9)
    assert said.text[redaction.start_char : redaction.end_char] == "[PHONE_1]"
    assert redaction.detector
    assert redaction.words == 7
    assert 0 < redaction.score <= 1


def test_marks_on_the_words_of_a_stretch_go_with_it() -> None:
    safe = anonymize(transcript("It's (555-0142), okay?"), NOTHING, HIDE_ALL).transcript
    assert safe.utterances[0].text == "It's [PHONE_1] okay?"


def test_everything_else_about_a_transcript_stays() -> None:
    raw = msgspec.structs.replace(transcript("my name is john smith"), flags=("silent_channel",))
    safe = anonymize(raw, NOTHING, HIDE_ALL).transcript
    assert msgspec.structs.replace(safe, utterances=(), redactions=()) == msgspec.structs.replace(raw, utterances=())


def test_a_stretch_with_an_unplaced_word_has_no_times() -> None:
    raw = transcript("call me on five five five oh one four two")
    words = list(raw.utterances[0].words)
    words[5] = msgspec.structs.replace(words[5], start=None, end=None)
    unplaced = msgspec.structs.replace(raw.utterances[0], words=tuple(words))
    safe = anonymize(msgspec.structs.replace(raw, utterances=(unplaced,)), NOTHING, HIDE_ALL).transcript
    assert (safe.redactions[0].start, safe.redactions[0].end) == (None, None)
    assert safe.utterances[0].words[-1] == Word(text="[PHONE_1]")


def test_an_utterance_without_words_is_given_those_of_its_text() -> None:
    raw = msgspec.structs.replace(utterance(0, "call  555-0142 now"), words=())
    safe = anonymize(Transcript(language="en", duration=9.0, utterances=(raw,)), NOTHING, HIDE_ALL).transcript
    assert safe.utterances[0].text == "call [PHONE_1] now"
    assert [word.text for word in safe.utterances[0].words] == ["call", "[PHONE_1]", "now"]
    assert safe.redactions[0].start is None


SAME_OR_NOT = [
    # the same number in words and in figures
    (("it's five five five oh one four two", "so 555-0142"), "[PHONE_1]", "[PHONE_1]"),
    # another number
    (("it's 555-0142", "or is it 555-0143"), "[PHONE_1]", "[PHONE_2]"),
    # a name and a part of it, whatever the case
    (("my name is John Smith", "thank you john"), "[NAME_1]", "[NAME_1]"),
    (("my name is John", "yes John Smith"), "[NAME_1]", "[NAME_1]"),
    # another person
    (("my name is John Smith", "My wife is Sarah Connor"), "[NAME_1]", "[NAME_2]"),
]


@pytest.mark.parametrize(("said", "first", "second"), SAME_OR_NOT)
def test_placeholders_are_stable_within_a_call(said: tuple[str, str], first: str, second: str) -> None:
    safe = anonymize(transcript(*said), NOTHING, HIDE_ALL).transcript
    assert [redaction.placeholder for redaction in safe.redactions] == [first, second]


def test_adjacent_stretches_of_a_label_are_one() -> None:
    safe = anonymize(transcript("that is J-O-H-N uh Smith J-O-H-N"), NOTHING, HIDE_ALL).transcript
    assert [redaction.label for redaction in safe.redactions].count("NAME") == len(safe.redactions)
    assert "J-O-H-N" not in safe.utterances[0].text


def test_labels_that_the_policy_keeps_stay_in_the_clear() -> None:
    raw = transcript("my name is john smith and my pin is 4 2 9 8")
    safe = anonymize(raw, NOTHING, RedactionPolicy(keep=("NAME",))).transcript
    assert safe.utterances[0].text == "my name is john smith and my pin is [PIN_1]"


def test_entities_that_survive_have_offsets_in_the_anonymized_text() -> None:
    text = "I am John Smith from Boston and my number is 555-0142 in Chicago."
    raw = transcript(text)
    places = {word: text.index(word) for word in ("John Smith", "Boston", "555-0142", "Chicago")}
    labels = {"John Smith": "PERSON", "Boston": "GPE", "555-0142": "CARDINAL", "Chicago": "GPE"}
    entities = Entities(
        entities=tuple(
            Entity(utterance=0, label=labels[word], start_char=start, end_char=start + len(word))
            for word, start in places.items()
        )
    )
    safe = anonymize(raw, entities, HIDE_ALL)
    said = safe.transcript.utterances[0].text
    assert said == "I am [NAME_1] from Boston and my number is [PHONE_1] in Chicago."
    assert [said[each.start_char : each.end_char] for each in safe.entities.entities] == ["Boston", "Chicago"]


def test_a_person_that_only_the_tagger_knows_is_hidden() -> None:
    raw = transcript("then Quellcrist called")
    tagged = Entities(entities=(Entity(utterance=0, label="PERSON", start_char=5, end_char=15),))
    assert anonymize(raw, tagged, HIDE_ALL).transcript.utterances[0].text == "then [NAME_1] called"


def test_an_empty_transcript_stays_empty() -> None:
    safe = anonymize(Transcript(language="en", duration=0.0), NOTHING, HIDE_ALL)
    assert (safe.transcript.utterances, safe.transcript.redactions, safe.entities.entities) == ((), (), ())


SECRETS = ["5 5 5 0 1 4 2", "4111 1111 1111 1111", "john.smith at gmail.com", "oh two oh seven", "XR7B2Q", "09/27"]
FRAGMENTS = [
    *SECRETS, "my name is", "Quellcrist", "uh", "and", "your card number?", "call me on", "twenty", "dollars", "ok",
    "12 rue de la Paix", "double", "—", "'", "é", "I", "a", "¿", "double five", "at", "dot", "@", "№", "٣٤", "½", "x",
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=8), max_size=5),
    st.sampled_from(["en", "fr", "fi"]),
    st.booleans(),
)
def test_whatever_is_said_text_words_and_redactions_agree(said: list[list[str]], language: str, timed: bool) -> None:
    utterances = tuple(
        utterance(index, " ".join(parts), speaker="agent" if index % 2 else "customer", timed=timed)
        for index, parts in enumerate(said)
    )
    raw = Transcript(language=language, duration=60.0, utterances=utterances)
    safe = anonymize(raw, NOTHING, HIDE_ALL).transcript
    for before, after in zip(raw.utterances, safe.utterances, strict=True):
        assert after.text == " ".join(word.text for word in after.words)
        original = iter(before.words)
        assert all(word in original for word in after.words if not word.text.startswith("["))  # in their order
        assert (after.start, after.end, after.channel) == (before.start, before.end, before.channel)
        hidden = [redaction for redaction in safe.redactions if redaction.utterance == after.index]
        assert len(after.words) - len(hidden) + sum(redaction.words for redaction in hidden) == len(before.words)
    for redaction in safe.redactions:
        said_there = safe.utterances[redaction.utterance]
        assert said_there.text[redaction.start_char : redaction.end_char] == redaction.placeholder
        assert (redaction.start is not None) == timed
        [word] = [
            word for word in said_there.words if word.text == redaction.placeholder and word.start == redaction.start
        ][:1]
        assert (word.start, word.end) == (redaction.start, redaction.end)


@pytest.mark.parametrize("secret", ["4111 1111 1111 1111", "john.smith at gmail.com", "555-0142", "XR7B2Q"])
def test_no_redaction_and_no_word_holds_the_hidden_value(secret: str) -> None:
    safe = anonymize(transcript(f"it is {secret} okay", f"yes {secret}"), NOTHING, HIDE_ALL)
    written = encode(safe.transcript).decode() + encode(safe.entities).decode()
    assert len(safe.transcript.redactions) == 2
    assert all(part not in written for part in secret.split() if part != "at")
