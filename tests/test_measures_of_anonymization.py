"""What the benchmark of anonymization rests on: exact marks, and a fair eye for what can still be read."""

from itertools import pairwise

import pytest

from tests.bench.pii.gold import Mark, Part, written
from tests.bench.pii.readable import is_readable
from tests.bench.pii.spoken import build

WHOLE = ["en", "fr"]


def test_marks_stay_on_their_words_when_a_turn_is_written_without_capitals_and_commas() -> None:
    parts = [
        Part("It's, well, "),
        Part("Anne-Marie Obi", "PERSON_NAME"),
        Part(". "),
        Part("uh, ", "~"),
        Part("9-9", "PIN"),
    ]
    turn = written("customer", parts, lower=True)
    assert turn.text == "it's well anne marie obi uh 9 9"
    assert [turn.text[mark.start : mark.end] for mark in turn.gold] == ["anne marie obi", "9 9"]
    assert turn.ignore == (Mark(25, 27, "~"),)


@pytest.mark.parametrize("language", WHOLE)
@pytest.mark.parametrize("lower", [True, False])
def test_every_mark_of_a_built_call_begins_and_ends_with_what_is_said(language: str, lower: bool) -> None:
    for call in build(language, 20, lower=lower):
        for turn in call:
            marks = sorted(turn.gold + turn.ignore)
            assert all(before.end <= after.start for before, after in pairwise(marks))
            for mark in turn.gold:
                said = turn.text[mark.start : mark.end]
                assert said[0].isalnum()
                assert said[-1].isalnum()


@pytest.mark.parametrize("language", WHOLE)
def test_the_same_calls_are_built_each_time(language: str) -> None:
    assert list(build(language, 3, lower=True)) == list(build(language, 3, lower=True))


@pytest.mark.parametrize(
    ("values", "text", "language", "readable"),
    [
        (("07799",), "it's oh seven seven double nine", "en", True),
        (("4298",), "forty two, ninety-eight", "en", True),
        (("4298",), "four two nine", "en", False),  # three in a row
        (("4298",), "4 2 [PHONE_1] 9 8", "en", False),
        (("0612345678",), "zéro six douze trente-quatre", "fr", True),
        (("512",), "five hundred twelve", "en", True),
        (("1982",), "quatre-vingt-deux", "fr", False),
        (("Marcus",), "m-a-r-c", "en", True),
        (("Marcus",), "m as in mike, a as in apple, r as in robert, c as in cat", "en", True),
        (("Wu",), "Mr Wu", "en", True),
        (("Wu",), "what would", "en", False),
        (("Wellington",), "the name is [NAME_1]", "en", False),
    ],
)  # fmt: skip
def test_a_value_can_be_read_when_four_signs_of_it_stand_in_a_row(
    values: tuple[str, ...], text: str, language: str, readable: bool
) -> None:
    assert is_readable(values, text, language) is readable


def test_what_others_may_say_is_no_leak() -> None:
    assert not is_readable(("Street",), "the street is closed", "en", but=["is the street closed"])
