"""What people hid stays hidden when a call is processed again."""

from typing import Any

import pytest
from django.test import Client

from conversations.models import Role, User
from conversations.services.corrections import Mark
from pipeline.documents import HiddenBefore
from tests.conversations.corrected import TEXTS, Corrected, browser, raw
from tests.conversations.stories import PASSED
from tests.factories import make_user

pytestmark = pytest.mark.django_db
HEARD_NOW = (TEXTS[0], "thank you john smith how many bottles of subrofka")


def made_anew(story: Corrected) -> None:
    """A correction is gone through to the end."""
    story.made_anew()
    story.qualify()
    story.redact_audio(PASSED, length=4.0)
    assert story.now().status == "completed"


def test_a_word_that_a_person_hid_is_hidden_in_the_next_run_and_the_one_after_however_it_is_written(
    story: Corrected, supervisor: User
) -> None:
    story.correct(Mark(1, 7, 8, "USERNAME"), by=supervisor)
    made_anew(story)
    for _run in range(2):
        settings = story.run_again(raw(*HEARD_NOW))
        assert settings.hidden_before == (HiddenBefore(label="USERNAME", channel=1, start=18.0, end=18.9),)
        assert story.texts()[1] == "thank you [NAME_1] how many bottles of [USERNAME_1]"


def test_it_is_hidden_also_if_the_call_is_processed_again_before_the_correction_was_worked_in(
    story: Corrected, supervisor: User
) -> None:
    story.correct(Mark(1, 7, 8, "USERNAME"), by=supervisor)
    story.run_again(raw(*HEARD_NOW))
    assert story.texts()[1].endswith("[USERNAME_1]")
    assert story.now().hiding is None


def test_what_a_person_showed_is_hidden_again_and_what_was_hidden_by_mistake_is_not(
    story: Corrected, supervisor: User
) -> None:
    story.correct(Mark(1, 2, 3, ""), by=supervisor)
    made_anew(story)
    story.correct(Mark(0, 5, 7, "ADDRESS"), by=supervisor)
    made_anew(story)
    story.correct(Mark(0, 5, 6, ""), by=supervisor)
    made_anew(story)
    assert story.texts() == [TEXTS[0].replace("john smith", "[NAME_1]"), TEXTS[1]]
    assert story.run_again(raw(*TEXTS)).hidden_before == ()
    assert story.texts()[1] == "thank you [NAME_1] how many bottles of riesling"


def test_words_without_times_hide_their_utterance(story: Corrected, supervisor: User) -> None:
    said = story.now().utterances.get(index=1)
    said.words = [{"text": each["text"]} for each in said.words]
    said.save()
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    (before,) = story.run_again(raw(*HEARD_NOW)).hidden_before
    assert (before.start, before.end) == (said.start, said.end)


def test_where_channels_are_not_told_apart_it_is_hidden_on_all_of_them(story: Corrected, supervisor: User) -> None:
    story.call.channels = 1
    story.call.save()
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    assert [each.channel for each in story.run_again(raw(*HEARD_NOW)).hidden_before] == [None]


# ── Earlier runs ─────────────────────────────────────────────────────────────────────────────────────────────────


def shown_of(client: Client, story: Corrected, run: Any) -> dict[str, str]:
    """What the API says of a run, and what the pages say of all of them."""
    address = f"/api/v1/conversations/{story.call.id}/"
    answers = {
        "run": client.get(f"{address}transcript/", {"run": str(run)}),
        "text": client.get(f"{address}transcript/", {"run": str(run).upper(), "format": "txt"}),
        "runs": client.get(f"{address}runs/"),
        "compare": client.get(f"/conversations/{story.call.id}/compare/"),
        "chosen": client.get(f"/conversations/{story.call.id}/compare/", {"left": str(run), "right": str(run)}),
        "page": client.get(f"/conversations/{story.call.id}/", {"run": str(run)}),
    }
    return {name: answer.content.decode() for name, answer in answers.items()}


@pytest.mark.parametrize("again", [False, True])
def test_once_a_word_is_hidden_the_runs_of_before_are_for_reviewers_alone(
    story: Corrected, supervisor: User, again: bool
) -> None:
    """Also the run in which it was hidden, if the next began before that was worked in."""
    first = story.call.run
    if again:
        story.run_again(raw(*TEXTS))
        story.qualify()
        story.redact_audio(PASSED, length=6.0)
        assert "riesling" in shown_of(browser(make_user(story.call.organization, Role.AGENT)), story, first)["run"]
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    if again:
        made_anew(story)
    else:
        story.run_again(raw(*TEXTS))
    assert story.now().run != first
    for role in (Role.AGENT, Role.CLIENT):
        shown = shown_of(browser(make_user(story.call.organization, role)), story, first)
        assert not [name for name, text in shown.items() if "riesling" in text]
        assert "for_reviewers" in shown["run"]
        assert "This call has one transcript only." in shown["compare"]
        assert "[NAME_2]" in shown["page"]
    reviewed = shown_of(browser(supervisor), story, first)
    assert "riesling" in reviewed["run"]
    assert "riesling" in reviewed["compare"]


def test_what_was_only_shown_closes_no_run(story: Corrected, supervisor: User) -> None:
    first = story.call.run
    story.correct(Mark(1, 2, 3, ""), by=supervisor)
    made_anew(story)
    story.run_again(raw(*TEXTS))
    shown = shown_of(browser(make_user(story.call.organization, Role.AGENT)), story, first)
    assert "thank you john smith" in shown["run"]
    assert "Run 2" in shown["compare"]


def test_the_pages_and_the_settings_of_a_run_say_so_without_a_word(story: Corrected, supervisor: User) -> None:
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor)
    made_anew(story)
    text = browser(supervisor).get(f"/conversations/{story.call.id}/").content.decode()
    assert "What people hid stays hidden, by when it was said" in text
