"""What people correct: hidden where they say so, shown where they say so, in text, words and entities alike."""

import msgspec
import pytest

from pipeline.documents import Correction, Corrections, Entities, Entity, HiddenBefore, RedactionPolicy, Transcript
from pipeline.services.anonymization import Anonymized, anonymize
from tests.pipeline.test_anonymization_transcript import HIDE_ALL, NOTHING, transcript, utterance


def corrected(raw: Transcript, *corrections: Correction, policy: RedactionPolicy = HIDE_ALL) -> Anonymized:
    return anonymize(raw, NOTHING, policy, Corrections(corrections=corrections))


def texts(safe: Anonymized) -> list[str]:
    return [each.text for each in safe.transcript.utterances]


def hide(utterance: int, first: int, stop: int, label: str = "NAME") -> Correction:
    return Correction(utterance=utterance, first=first, stop=stop, label=label)


def show(utterance: int, first: int, stop: int) -> Correction:
    return Correction(utterance=utterance, first=first, stop=stop)


def test_words_that_a_person_hides_are_hidden_and_say_who_hid_them() -> None:
    safe = corrected(transcript("the blue horse is what they call me"), hide(0, 1, 3))
    assert texts(safe) == ["the [NAME_1] is what they call me"]
    [redaction] = safe.transcript.redactions
    assert (redaction.label, redaction.detector, redaction.score, redaction.words) == ("NAME", "person", 1.0, 2)
    assert (redaction.start, redaction.end) == (0.5, 1.4)


def test_what_a_person_hid_is_hidden_wherever_else_it_is_said() -> None:
    safe = corrected(transcript("they call me zubrowka", "so zubrowka it is"), hide(0, 3, 4))
    assert texts(safe) == ["they call me [NAME_1]", "so [NAME_1] it is"]


def test_what_a_person_shows_is_shown_there_and_nowhere_else() -> None:
    raw = transcript("my name is john smith", "john smith again")
    assert texts(corrected(raw)) == ["my name is [NAME_1]", "[NAME_1] again"]
    assert texts(corrected(raw, show(1, 0, 2))) == ["my name is [NAME_1]", "john smith again"]


def test_the_rest_of_a_stretch_stays_hidden() -> None:
    raw = transcript("call me on five five five oh one four two please")
    safe = corrected(raw, show(0, 3, 5))
    assert texts(safe) == ["call me on five five [PHONE_1] please"]
    assert safe.transcript.redactions[0].words == 5


def test_a_filler_that_a_person_shows_is_not_hidden_again_between_its_neighbours() -> None:
    raw = transcript("call me on five five five uh oh one four two please")
    assert texts(corrected(raw)) == ["call me on [PHONE_1] please"]
    assert " uh " in texts(corrected(raw, show(0, 6, 7)))[0]


def test_of_two_words_on_the_same_the_latest_holds() -> None:
    raw = transcript("the blue horse is here")
    assert texts(corrected(raw, hide(0, 1, 3), show(0, 1, 2))) == ["the blue [NAME_1] is here"]
    assert texts(corrected(raw, show(0, 1, 3), hide(0, 1, 3, "URL"))) == ["the [URL_1] is here"]


def test_a_person_hides_also_what_the_policy_keeps() -> None:
    raw, keeping = transcript("my name is john smith"), RedactionPolicy(keep=("NAME",))
    assert texts(corrected(raw, policy=keeping)) == ["my name is john smith"]
    assert texts(corrected(raw, hide(0, 3, 5), policy=keeping)) == ["my name is [NAME_1]"]


def test_an_entity_goes_with_the_words_that_are_hidden_and_stays_with_those_that_are_shown() -> None:
    raw = transcript("my name is john smith")
    person = Entities(entities=(Entity(utterance=0, label="PERSON", start_char=11, end_char=21),))
    assert anonymize(raw, person, HIDE_ALL).entities.entities == ()
    shown = anonymize(raw, person, HIDE_ALL, Corrections(corrections=(show(0, 3, 5),)))
    assert shown.entities == person


@pytest.mark.parametrize("stop", [99, 6])
def test_a_correction_of_words_that_are_not_there_hides_what_is(stop: int) -> None:
    assert texts(corrected(transcript("the blue horse is here"), hide(0, 1, stop))) == ["the [NAME_1]"]


def test_speakers_that_were_exchanged_stay_so() -> None:
    raw = transcript("hello there")
    swapped = anonymize(raw, NOTHING, HIDE_ALL, Corrections(channels=("customer", "agent")))
    assert [each.speaker for each in swapped.transcript.utterances] == ["agent"]


def test_two_voices_on_one_channel_are_who_a_person_said_they_are() -> None:
    raw = transcript("good morning", "i want a refund", "one moment")
    spoken = zip(raw.utterances, ("speaker 1", "speaker 2", "speaker 1"), strict=True)
    voices = tuple(msgspec.structs.replace(each, speaker=speaker, channel=0) for each, speaker in spoken)
    raw = msgspec.structs.replace(raw, utterances=voices, channels=1)
    named = anonymize(raw, NOTHING, HIDE_ALL, Corrections(channels=("customer", "agent")))
    assert [each.speaker for each in named.transcript.utterances] == ["customer", "agent", "customer"]


# ── What people hid in earlier runs ──────────────────────────────────────────────────────────────────────────────


def again(raw: Transcript, *before: HiddenBefore, corrections: Corrections | None = None) -> list[str]:
    return texts(anonymize(raw, NOTHING, HIDE_ALL, corrections or Corrections(), before))


def stretch(start: float, end: float, channel: int | None = 1) -> HiddenBefore:
    return HiddenBefore(label="NAME", channel=channel, start=start, end=end)


SAID = "how many bottles of subrofka"


def test_what_was_hidden_before_is_hidden_by_its_time_whatever_is_heard_there_now_and_its_echoes_too() -> None:
    raw = transcript(SAID, "so subrofka it is")
    assert again(raw, stretch(1.95, 2.45)) == ["how many bottles of [NAME_1]", "so [NAME_1] it is"]
    assert again(raw, stretch(1.7, 2.1)) == ["how many bottles [NAME_1]", "so [NAME_1] it is"]  # any part of a word


def test_another_channel_is_not_hidden_unless_channels_were_not_told_apart() -> None:
    raw = transcript(SAID)
    assert again(raw, stretch(2.0, 2.4, channel=0)) == [SAID]
    hidden = ["how many bottles of [NAME_1]"]
    assert again(raw, stretch(2.0, 2.4, channel=None)) == hidden
    assert again(msgspec.structs.replace(raw, channels=1), stretch(2.0, 2.4, channel=0)) == hidden


def test_words_without_times_may_lie_there() -> None:
    untimed = utterance(0, SAID, timed=False)
    raw = msgspec.structs.replace(transcript(), utterances=(untimed,))
    assert again(raw, stretch(1.5, 1.6)) == ["[NAME_1]"]
    assert again(raw, stretch(3.0, 4.0)) == [SAID]


def test_a_person_shows_what_was_hidden_before() -> None:
    shown = Corrections(corrections=(show(0, 4, 5),))
    assert again(transcript(SAID), stretch(2.0, 2.4), corrections=shown) == [SAID]


# ── Where only the anonymized transcript is left ─────────────────────────────────────────────────────────────────


def test_more_is_hidden_in_a_transcript_that_is_anonymized_already() -> None:
    raw = transcript("my name is john smith and i live in a blue house", "a blue house it is")
    entities = Entities(entities=(Entity(utterance=0, label="FAC", start_char=45, end_char=50),))
    before = anonymize(raw, entities, HIDE_ALL)
    assert texts(before)[0] == "my name is [NAME_1] and i live in a blue house"
    more = Corrections(corrections=(hide(0, 9, 10, "MISC"), hide(0, 0, 1)), anonymized=True)
    after = anonymize(before.transcript, before.entities, HIDE_ALL, more)
    assert texts(after) == ["[NAME_2] name is [NAME_1] and i live in a [MISC_1] house", "a blue house it is"]
    assert [(each.label, each.words) for each in after.transcript.redactions] == [
        ("NAME", 1), ("NAME", 2), ("MISC", 1),
    ]  # fmt: skip
    for each in after.transcript.redactions:
        assert after.transcript.utterances[0].text[each.start_char : each.end_char] == each.placeholder


def test_a_placeholder_can_be_taken_into_a_larger_one_and_nothing_is_looked_for_or_shown() -> None:
    before = anonymize(transcript("my name is john smith of leeds"), NOTHING, HIDE_ALL, Corrections())
    said = msgspec.structs.replace(before.transcript.utterances[0])
    assert said.text == "my name is [NAME_1] of leeds"
    more = Corrections(corrections=(hide(0, 3, 6), show(0, 0, 1)), anonymized=True)
    after = anonymize(before.transcript, before.entities, HIDE_ALL, more).transcript
    assert after.utterances[0].text == "my name is [NAME_2]"
    assert [(each.placeholder, each.words) for each in after.redactions] == [("[NAME_2]", 4)]
