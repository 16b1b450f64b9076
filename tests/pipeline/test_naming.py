"""Two voices on one channel under the names that a person gave them."""

import pytest

from pipeline.documents import Utterance
from pipeline.services.naming import named_by_voice


def said(*turns: tuple[str, int]) -> tuple[Utterance, ...]:
    """Utterances of these speakers, on these channels."""
    return tuple(
        Utterance(index=index, speaker=speaker, channel=channel, start=index, end=index + 1, text="yes")
        for index, (speaker, channel) in enumerate(turns)
    )


def test_who_is_heard_first_has_the_first_name_whatever_the_voices_were_called() -> None:
    named = named_by_voice(said(("speaker 2", 0), ("speaker 1", 0), ("speaker 2", 0)), ("customer", "agent"))
    assert [each.speaker for each in named] == ["customer", "agent", "customer"]


@pytest.mark.parametrize(
    "turns",
    [
        (("speaker", 0), ("speaker", 0)),  # this time one voice was told
        (("agent", 0), ("customer", 1)),  # channels are known for what they are
        (),
    ],
)
def test_what_is_no_pair_of_voices_stays_as_it_is(turns: tuple[tuple[str, int], ...]) -> None:
    assert named_by_voice(said(*turns), ("customer", "agent")) == said(*turns)


def test_without_names_voices_stay_as_they_are() -> None:
    assert named_by_voice(said(("speaker 1", 0), ("speaker 2", 0)), ()) == said(("speaker 1", 0), ("speaker 2", 0))
