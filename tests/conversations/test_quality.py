"""How well personal data is found, as people's corrections tell: precision and recall by label, and over time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations.models import Organization, RedactionCorrection, RedactionReview, Role
from conversations.quality import by_week, total
from tests.conversations.corrected import browser
from tests.factories import make_conversation, make_organization, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def review(organization: Organization, hidden: dict[str, int], *corrections: Any, days: int = 0, **fields: Any) -> None:
    """A review of a call of its own. A correction is (first, stop, label, hidden_as, detector)."""
    call = make_conversation(organization)
    when = timezone.now() - timedelta(days=days)
    made = RedactionReview.objects.create(
        organization=organization, conversation=call, run=call.run, hidden=hidden, reviewed_at=when, **fields
    )
    for first, stop, label, hidden_as, detector in corrections:
        RedactionCorrection.objects.create(
            organization=organization, review=made, utterance=0, first=first, stop=stop, start=0.0, end=1.0,
            kind="hide" if label else "reveal", label=label, hidden_as=hidden_as, detector=detector,
        )  # fmt: skip


def scores(organization: Organization, label: str) -> tuple[int, int, int]:
    return tuple(total(by_week(organization).values()).score(label))  # type: ignore[return-value]


def test_what_was_shown_again_is_wrong_and_what_was_hidden_by_hand_was_missed(organization: Organization) -> None:
    review(organization, {"NAME": 10, "PHONE": 2}, (3, 5, "", "NAME", "rules"), (8, 9, "NAME", "", ""))
    assert scores(organization, "NAME") == (10, 1, 1)
    assert scores(organization, "PHONE") == (2, 0, 0)
    score = total(by_week(organization).values()).score("NAME")
    assert (score.precision, score.recall) == (0.9, 0.9)


def test_a_stretch_is_counted_once_however_many_words_it_has_and_several_clicks_it_took(
    organization: Organization,
) -> None:
    review(organization, {"NAME": 1}, (2, 3, "NAME", "", ""), (3, 4, "NAME", "", ""), (8, 9, "NAME", "", ""))
    assert scores(organization, "NAME") == (1, 0, 2)


def test_what_a_person_takes_back_is_not_counted(organization: Organization) -> None:
    hide_and_show = (2, 3, "NAME", "", ""), (2, 3, "", "NAME", "person")
    show_and_hide = (5, 7, "", "PHONE", "rules"), (5, 7, "PHONE", "", "")
    review(organization, {"PHONE": 1}, *hide_and_show, *show_and_hide)
    assert scores(organization, "NAME") == (0, 0, 0)
    assert scores(organization, "PHONE") == (1, 0, 0)


def test_what_was_hidden_under_another_name_was_neither_missed_nor_wrong(organization: Organization) -> None:
    review(organization, {"NAME": 1}, (2, 3, "USERNAME", "NAME", "rules"))
    assert scores(organization, "NAME") == (1, 0, 0)
    assert scores(organization, "USERNAME") == (0, 0, 0)


def test_a_label_of_which_nothing_was_to_be_found_has_no_share(organization: Organization) -> None:
    review(organization, {"NAME": 1}, (2, 3, "", "NAME", "rules"))
    score = total(by_week(organization).values()).score("NAME")
    assert (score.precision, score.recall) == (0.0, None)


def test_reviews_are_told_by_the_week_they_were_made_in(organization: Organization) -> None:
    review(organization, {"NAME": 1}, days=21)
    review(organization, {"NAME": 2}, days=0, checked=True)
    first, last = by_week(organization).items()
    assert (last[0] - first[0]).days == 21
    assert (first[1].calls, first[1].checked, last[1].checked) == (1, 0, 1)
    assert {week.weekday() for week, _counts in (first, last)} == {0}


def test_corrections_of_others_are_not_counted(organization: Organization) -> None:
    review(make_organization(), {"NAME": 5})
    assert by_week(organization) == {}


# ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_has_the_figures_in_a_picture_and_in_tables(organization: Organization) -> None:
    review(organization, {"NAME": 10}, (3, 5, "", "NAME", "rules"), (8, 9, "NAME", "", ""), days=14)
    review(organization, {"PHONE": 4}, checked=True)
    client = browser(make_user(organization))
    assert "/redaction/quality/" in client.get("/").content.decode()
    text = client.get("/redaction/quality/").content.decode()
    assert "From 2 reviewed calls, of which 1 were checked as a whole." in text
    assert '<th scope="row">Name</th><td>10</td><td>1</td><td>1</td><td>90\N{NO-BREAK SPACE}%</td>' in text
    assert text.count("<circle") == 4
    of_label = client.get("/redaction/quality/", {"label": "PHONE"}, headers={"Accept-Language": "fr"})
    assert of_label.content.decode().count("<circle") == 2
    assert client.get("/redaction/quality/", {"label": "NO_SUCH"}).status_code == 200


def test_without_a_review_it_says_what_to_do_first_and_agents_do_not_see_it(organization: Organization) -> None:
    assert (
        "Nobody has reviewed a call yet."
        in browser(make_user(organization)).get("/redaction/quality/").content.decode()
    )
    agent = browser(make_user(organization, Role.AGENT))
    assert agent.get("/redaction/quality/").status_code == 403
    assert "/redaction/quality/" not in agent.get("/").content.decode()
