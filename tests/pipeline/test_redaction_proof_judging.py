"""What of the words that were heard again is a doubt."""

from functools import partial

import msgspec
import pytest

from pipeline.documents import Cause, Cut, RedactionPolicy, Transcript, Utterance, Word
from pipeline.services import anonymization
from pipeline.services.redaction_proof.hearing import Heard, Window
from pipeline.services.redaction_proof.judging import doubts_in

POLICY = RedactionPolicy()


def phone_call(*words: tuple[str, float, float]) -> Transcript:
    """An agent asks for a phone number; the customer says words, and what is hidden from 10 to 13 s."""
    spoken = [*(word for word in words if word[1] < 10), ("[PHONE_1]", 10.0, 13.0), *(it for it in words if it[1] > 13)]
    timed = tuple(Word(text=text, start=start, end=end) for text, start, end in spoken)
    asked = "What is your phone number?"
    utterances = (
        Utterance(index=0, speaker="agent", channel=0, start=6.0, end=8.0, text=asked, words=timed_words(asked, 6.0)),
        Utterance(index=1, speaker="customer", channel=1, start=9.0, end=15.0, text="…", words=timed),
    )
    return Transcript(language="en", duration=20.0, utterances=utterances, channels=2)


def timed_words(text: str, start: float) -> tuple[Word, ...]:
    words = text.split()
    return tuple(Word(text=word, start=start + n / 3, end=start + (n + 1) / 3) for n, word in enumerate(words))


CUT = Cut(channel=1, start=9.9, end=13.1, cause=Cause.WORDS, label="PHONE")


def doubts(
    call: Transcript,
    *heard: tuple[str, float, float],
    sounding: float = 0.3,
    probability: float = 0.9,
    label: str = "PHONE",
    policy: RedactionPolicy = POLICY,
) -> set[str]:
    words = [Heard(1, text, start, end, probability, sounding) for text, start, end in heard]
    cut = msgspec.structs.replace(CUT, label=label)
    detect = partial(anonymization.find_pii, policy=policy)
    found = doubts_in(words, Window(1, 7.4, 15.6), call, [cut], detect)
    return {doubt.label for doubt in found}


def test_digits_at_the_edge_of_a_hidden_number_are_a_leak() -> None:
    assert doubts(phone_call(), ("four", 13.1, 13.4)) == {"PHONE"}
    assert doubts(phone_call(), ("42", 9.5, 9.8)) == {"PHONE"}


def test_a_word_that_the_safe_transcript_has_there_is_none() -> None:
    call = phone_call(("my", 9.0, 9.2), ("four", 13.3, 13.5), ("Pemberly", 13.6, 13.9))
    assert doubts(call, ("my", 9.1, 9.3), ("4", 13.2, 13.4), ("Pemberley.", 13.6, 13.9)) == set()


def test_a_word_over_silence_was_not_said() -> None:
    assert doubts(phone_call(), ("four", 11.0, 11.4), sounding=0.0) == set()


def test_everyday_words_beside_a_cut_are_none() -> None:
    assert doubts(phone_call(), ("thank", 13.2, 13.4), ("you", 13.4, 13.6), ("okay", 13.7, 14.0)) == set()


def test_speech_beside_a_cut_that_the_transcript_does_not_have_is_a_leak_whatever_its_words() -> None:
    """A recognizer makes everyday words of an address: "have to even turn it not come"."""
    unknown = [("have", 13.2, 13.5), ("to", 13.5, 13.6), ("turn", 13.7, 13.9), ("it", 13.9, 14.1)]
    assert doubts(phone_call(), *unknown, label="EMAIL") == {"EMAIL"}
    assert not doubts(phone_call(), *unknown, label="EMAIL", sounding=0.1)
    known = phone_call(("happy", 13.2, 13.5), ("to", 13.5, 13.6), ("return", 13.7, 13.9), ("it", 13.9, 14.1))
    assert not doubts(known, *unknown, label="EMAIL")


def test_what_is_no_number_and_no_piece_of_one_beside_a_hidden_number_is_none() -> None:
    assert not doubts(phone_call(), ("Hullabaloo", 13.2, 13.6))
    assert doubts(phone_call(), ("Hullabaloo", 13.2, 13.6), label="EMAIL")
    french = msgspec.structs.replace(phone_call(), language="fr")
    assert not doubts(french, ("l", 9.4, 9.5), ("'un,", 9.5, 9.8))
    assert doubts(french, ("deux", 9.5, 9.8))


def test_everyday_words_alone_are_no_name() -> None:
    call = msgspec.structs.replace(phone_call(("Épinal", 13.3, 13.6)), language="fr")
    assert not doubts(call, ("pinale", 13.3, 13.5), ("du", 13.6, 13.9), label="ADDRESS")


def test_a_name_that_nobody_knows_beside_a_hidden_one_is_a_leak() -> None:
    assert doubts(phone_call(), ("Okonkwo.", 13.1, 13.6), label="NAME") == {"NAME"}


SPEAKING = phone_call(("welcome", 8.0, 8.4), ("to", 8.4, 8.5), ("compass", 8.6, 9.0), ("rentals", 9.1, 9.6))


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ("frantils", False),  # "rentals", heard as no word
        ("Daniel", True),  # a name of the lists, whatever stands there
        ("frantilsomatoriana", True),  # more than was said there
    ],
)
def test_words_misheard_for_public_ones_of_their_length_are_none(last: str, found: bool) -> None:
    heard = [("Welcome", 8.0, 8.4), ("to", 8.4, 8.5), ("compass", 8.6, 9.0), (last, 9.1, 9.7)]
    assert bool(doubts(SPEAKING, *heard, label="NAME")) == found


def test_a_name_that_sounds_like_the_public_words_there_is_none() -> None:
    call = msgspec.structs.replace(phone_call(("née", 9.0, 9.3), ("le", 9.3, 9.5)), language="fr")
    assert not doubts(call, ("Néla.", 9.0, 9.6), label="DATE_OF_BIRTH")
    assert doubts(call, ("Paul", 9.0, 9.6), label="NAME") == {"NAME"}


def test_what_was_misheard_is_told_by_its_own_moment() -> None:
    """Four words heard for others are another text, but not if a pause parts them."""
    call = msgspec.structs.replace(
        phone_call(("c", 7.5, 7.6), ("'est", 7.6, 7.7), ("le", 7.7, 7.8), ("alors", 9.3, 9.7)), language="fr"
    )
    said = [
        ("c", 7.5, 7.6),
        ("'est", 7.6, 7.7),
        ("là,", 7.7, 7.8),
        ("à", 9.3, 9.4),
        ("l", 9.4, 9.5),
        ("'auve", 9.5, 9.7),
    ]
    assert not doubts(call, *said, label="NAME")
    run_on = [
        (text, start + (1.3 if number < 3 else 0), end + (1.3 if number < 3 else 0))
        for number, (text, start, end) in enumerate(said)
    ]
    assert doubts(call, *run_on, ("et", 9.75, 9.8), ("Vauvel", 9.8, 9.9), label="NAME")


def test_words_that_are_one_in_the_transcript_are_public() -> None:
    call = phone_call(("transpacific", 9.0, 9.6))
    assert not doubts(call, ("Trans", 9.0, 9.3), ("-Pacific,", 9.3, 9.7), label="NAME")
    call = phone_call(("destination", 9.0, 9.6), ("my", 13.2, 13.3), ("name", 13.3, 13.5), ("is", 13.5, 13.6))
    assert doubts(call, ("Tina", 9.0, 9.4), label="NAME") == {"NAME"}
    said = (("my", 13.2, 13.3), ("name", 13.3, 13.5), ("is", 13.5, 13.6), ("Smith", 13.7, 14.0))
    assert doubts(call, *said, label="NAME") == {"NAME"}


def test_words_heard_elsewhere_do_not_hide_what_is_misheard() -> None:
    """The same words twice: what is heard of the second is no word of the first."""
    said = ("my", "name", "is", "redbox", "courier", "my", "name", "is")
    call = phone_call(*((word, 5.0 + place * 0.5, 5.4 + place * 0.5) for place, word in enumerate(said)))
    heard = ("my", "name", "is", "Manbox", "Currier.", "My", "name", "is")
    assert not doubts(call, *((w, 5.0 + n * 0.5, 5.4 + n * 0.5) for n, w in enumerate(heard)), label="NAME")


def test_a_number_in_the_place_of_public_words_is_a_leak() -> None:
    assert doubts(SPEAKING, ("compass", 8.6, 9.0), ("7731", 9.1, 9.7)) == {"PHONE"}


def test_words_in_the_place_of_public_ones_that_were_cut_are_a_leak() -> None:
    call = phone_call(("compass", 8.6, 9.0), ("rentals", 10.2, 10.6), ("thanks", 13.5, 13.8))
    heard = [("compass", 8.6, 9.0), ("Okonkwo", 9.2, 9.7), ("thanks", 13.5, 13.8)]
    assert doubts(call, *heard, label="NAME")


def test_a_word_that_the_recognizer_hardly_heard_is_no_name() -> None:
    call = questioned("customer", "what is your name")
    assert doubts(call, ("viswa", 14.5, 14.8)) == {"NAME"}
    assert not doubts(call, ("viswa", 14.5, 14.8), probability=0.05)


def test_personal_data_that_the_detectors_find_near_a_cut_is_a_leak_also_of_another_kind() -> None:
    heard = [("write", 13.8, 14.0), ("to", 14.0, 14.1), ("jo.smith@example.com", 14.2, 15.4)]
    assert doubts(phone_call(), *heard) >= {"EMAIL"}


@pytest.mark.parametrize(
    ("policy", "heard"),
    [
        (RedactionPolicy(keep=("EMAIL",)), "jo.smith@example.com"),
        (RedactionPolicy(agent_name=True), "this is Mark speaking"),  # the agent's own
        (RedactionPolicy(doubt=False), "viswa"),  # a bare answer, which may be a name
    ],
)
def test_what_the_policy_leaves_in_the_clear_is_no_leak(policy: RedactionPolicy, heard: str) -> None:
    words = [(word, 14.5 + place / 4, 14.7 + place / 4) for place, word in enumerate(heard.split())]
    asked = "how can i help you today" if heard == "viswa" else "who am i speaking to please"
    call = questioned("agent" if policy.agent_name else "customer", asked)
    assert doubts(call, *words)
    assert not doubts(call, *words, policy=policy)


def questioned(speaker: str, question: str) -> Transcript:
    """The same call, in which the one who is heard is asked something else."""
    call = phone_call()
    asked, answer = call.utterances
    other = "agent" if speaker == "customer" else "customer"
    asked = msgspec.structs.replace(asked, speaker=other, text=question, words=timed_words(question, 6.0))
    return msgspec.structs.replace(call, utterances=(asked, msgspec.structs.replace(answer, speaker=speaker)))
