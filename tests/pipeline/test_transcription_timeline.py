"""Words of each channel become one conversation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.services.transcription.engine import HeardWord
from pipeline.services.transcription.recording import speakers_of
from pipeline.services.transcription.speech import Chunk
from pipeline.services.transcription.timeline import SpokenWord, utterances_of, words_of
from tests.recorded import recorded


def chunk(start: float = 0.0, seconds: float = 10.0) -> Chunk:
    first = int(start * 16000)
    return Chunk(audio=recorded(np.zeros(0)), channel=0, spans=((first, first + int(seconds * 16000)),))


def heard(*texts: str) -> list[HeardWord]:
    return [HeardWord(text=text, start=i, end=i + 0.5, probability=0.9) for i, text in enumerate(texts)]


def spoken(*words: tuple[float, str]) -> list[SpokenWord]:
    """Words of half a second each, given by start and text."""
    return [SpokenWord(text=text, start=start, end=start + 0.5, probability=1.0) for start, text in words]


def lines(*channels: list[SpokenWord]) -> list[str]:
    speakers = ("agent", "customer")
    return [f"{utterance.speaker}: {utterance.text}" for utterance in utterances_of(channels, speakers)]


@pytest.mark.parametrize(
    ("language", "pieces", "words"),
    [
        ("en", (" don", "'t", " give", "-up"), ["don't", "give-up"]),  # pieces without a space continue a word
        ("en", ("Hello", " there"), ["Hello", "there"]),  # the first piece may lack its space
        ("en", (" ", "", " yes"), ["yes"]),  # nothing is no word
        ("fr", (" l", "'heure"), ["l'heure"]),
        ("fr", (" 3 000",), ["3000"]),  # a word has no space within
        ("ja", ("今日", "は"), ["今日", "は"]),  # written without spaces: pieces are words
    ],
)
def test_pieces_become_words(language: str, pieces: tuple[str, ...], words: list[str]) -> None:
    assert [word.text for word in words_of(chunk(), heard(*pieces), language)] == words


def test_a_word_of_pieces_lasts_as_long_as_they_and_is_as_unsure_as_the_worst() -> None:
    pieces = [
        HeardWord(text=" don", start=1.0, end=1.2, probability=0.9),
        HeardWord(text="'t", start=1.2, end=1.5, probability=0.4),
    ]
    assert words_of(chunk(start=100.0), pieces, "en") == [
        SpokenWord(text="don't", start=101.0, end=101.5, probability=0.4)
    ]


@given(
    st.lists(
        st.builds(
            HeardWord,
            text=st.sampled_from([" a", "b", " c.", " "]),
            start=st.floats(-5, 30),
            end=st.floats(-5, 30),
            probability=st.floats(-1, 2),
        )
    )
)
def test_whatever_an_engine_says_words_lie_in_order_within_their_chunk(pieces: list[HeardWord]) -> None:
    words = words_of(chunk(start=7.0, seconds=10.0), pieces, "en")
    assert all(7.0 <= word.start <= word.end <= 17.0 and 0 <= word.probability <= 1 for word in words)
    assert all(before.start <= after.start for before, after in pairwise(words))
    for utterance in utterances_of([words], ("speaker",)):
        assert utterance.text == " ".join(word.text for word in utterance.words)
        assert utterance.start == utterance.words[0].start
        assert utterance.end == max(word.end or 0 for word in utterance.words)


def test_speakers_take_turns() -> None:
    agent = spoken((0, "Hello"), (0.6, "there"), (2.2, "Your"), (2.8, "name?"))
    customer = spoken((1.2, "Hi"), (4, "Violet"))
    assert lines(agent, customer) == [
        "agent: Hello there",
        "customer: Hi",
        "agent: Your name?",
        "customer: Violet",
    ]


def test_a_short_pause_is_a_turn_only_if_the_other_speaks_in_it() -> None:
    agent = spoken((0, "wait"), (1.4, "please"))
    assert lines(agent, []) == ["agent: wait please"]
    assert lines(agent, spoken((0.7, "ok"))) == ["agent: wait", "customer: ok", "agent: please"]


def test_talking_over_someone_does_not_cut_their_sentence() -> None:
    agent = spoken((0, "so"), (0.5, "I"), (1.0, "think"))
    assert lines(agent, spoken((0.3, "yeah"))) == ["agent: so I think", "customer: yeah"]


def test_a_pause_of_a_second_ends_an_utterance() -> None:
    assert lines(spoken((0, "One"), (1.5, "two"), (2.9, "three")), []) == ["agent: One", "agent: two three"]


def test_a_monologue_is_cut_at_sentence_ends() -> None:
    words = spoken(*[(i * 0.5, "end." if i % 10 == 9 else "word") for i in range(80)])
    texts = [utterance.text for utterance in utterances_of([words], ("speaker",))]
    assert len(texts) == 3
    assert all(text.endswith("end.") for text in texts)


def test_a_monologue_without_sentences_is_cut_all_the_same() -> None:
    words = spoken(*[(i * 0.5, "word") for i in range(200)])
    assert max(u.end - u.start for u in utterances_of([words], ("speaker",))) <= 30.5


def test_utterances_are_numbered_in_order_of_their_start() -> None:
    utterances = utterances_of([spoken((5, "b"), (9, "d")), spoken((1, "a"), (7, "c"))], ("agent", "customer"))
    assert [(u.index, u.text, u.channel) for u in utterances] == [(0, "a", 1), (1, "b", 0), (2, "c", 1), (3, "d", 0)]


@pytest.mark.parametrize(
    ("channels", "names", "speakers"),
    [
        (2, (), ("agent", "customer")),
        (2, ("caller", "bot"), ("caller", "bot")),
        (2, ("bot",), ("bot", "customer")),  # one name is missing
        (2, ("agent",), ("agent", "customer")),
        (2, ("customer",), ("customer", "agent")),  # whoever speaks on the other channel is not the customer too
        (1, (), ("speaker",)),
        (1, ("voicemail",), ("voicemail",)),
        (1, ("agent", "customer"), ("speaker",)),  # both are in one channel: neither name is right
        (4, ("a", "b"), ("a", "b", "speaker 3", "speaker 4")),
    ],
)
def test_every_channel_has_a_speaker(channels: int, names: tuple[str, ...], speakers: tuple[str, ...]) -> None:
    assert speakers_of(channels, names) == speakers


@pytest.mark.parametrize(
    ("heard_at", "said_at"),
    [
        ((0.0, 0.5), (1.0, 1.5)),
        ((0.5, 1.2), (1.5, 2.0)),
        ((0.9, 1.9), (10.0, 10.9)),
        ((1.0, 1.5), (10.0, 10.5)),
        ((2.5, 3.4), (11.5, 12.0)),
        ((3.2, 3.5), (12.0, 12.0)),
    ],
    ids=["in the first", "mostly in the first", "mostly in the second", "in the second", "to the end", "beyond it"],
)
def test_a_word_lies_in_the_stretch_of_speech_that_its_middle_is_in(
    heard_at: tuple[float, float], said_at: tuple[float, float]
) -> None:
    spans = ((16000, 32000), (160000, 192000))  # seconds 1 to 2, and 10 to 12
    chunk = Chunk(audio=recorded(np.zeros(0)), channel=0, spans=spans)
    assert chunk.place(*heard_at) == pytest.approx(said_at)
    (word,) = words_of(chunk, [HeardWord(text=" yes", start=heard_at[0], end=heard_at[1], probability=1.0)], "en")
    assert (word.start, word.end) == pytest.approx(said_at)
