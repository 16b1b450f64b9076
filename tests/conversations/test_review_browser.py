"""Correcting what is hidden, the receipt, quarantine and the page of quality in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from conversations.models import RedactionCorrection, RedactionReview, Role, Subscription, User
from pipeline import documents
from pipeline import tasks as tasks  # it registers the services
from pipeline.service import SERVICES
from tests.conversations.chromium import PASSWORD, complaints
from tests.conversations.stories import PASSED, QUARANTINED, Story
from tests.conversations.test_runs_browser import sign_in, violations
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
FIRST, SECOND = "hello my name is [NAME_1] and I live in Springfield", "thank you one moment please"


def heard() -> documents.Transcript:
    """An anonymized call of two utterances."""
    utterances = tuple(
        documents.Utterance(
            index=index, speaker=("customer", "agent")[index], channel=index, start=index * 10.0, end=index * 10.0 + 9,
            text=text,
            words=tuple(
                documents.Word(text=word, start=index * 10.0 + place, end=index * 10.0 + place + 0.9)
                for place, word in enumerate(text.split())
            ),
        )
        for index, text in enumerate((FIRST, SECOND))
    )  # fmt: skip
    name = documents.Redaction(
        label="NAME", placeholder="[NAME_1]", utterance=0, channel=0, start=4.0, end=4.9, start_char=17, end_char=25,
        detector="rules", words=2,
    )  # fmt: skip
    return documents.Transcript(language="en", duration=20.0, utterances=utterances, redactions=(name,), channels=2)


@pytest.fixture
def user() -> User:
    return make_user(role=Role.SUPERVISOR, password=PASSWORD)


@pytest.fixture
def subscribed() -> None:
    """The services of the cascade. Beside a browser's event loop ``serialized_rollback`` restores nothing, silently:
    Django has another connection there.
    """
    for each in SERVICES.values():
        known = {
            "subscribes": [event.__name__ for event in each.hears],
            "says": [event.__name__ for event in each.says],
        }
        Subscription.objects.update_or_create(
            service=each.name, defaults={**known, "queue": each.queue, "active": True, "required": True}
        )


@pytest.fixture
def story(user: User, relayed: list[Any], subscribed: None) -> Story:
    """A call with its tags; the audio is to come."""
    story = Story(user.organization)
    story.until_anonymized(heard())
    story.qualify()
    return story


def made() -> set[tuple[int, int, int, str]]:
    return {(each.utterance, each.first, each.stop, each.label) for each in RedactionCorrection.objects.all()}


def open_call(chromium: Browser, live_server: Any, user: User, story: Story, **options: Any) -> Page:
    address = f"/conversations/{story.call.id}/"
    page = sign_in(chromium, live_server.url, user, address, **options)
    page.wait_for_url(live_server.url + address)  # the address before it ends alike
    return page


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("locale", ["en", "fr"])
def test_pages_fit_and_are_accessible(
    chromium: Browser, live_server: Any, user: User, story: Story, width: int, locale: str, tmp_path: Path
) -> None:
    story.redact_audio(QUARANTINED)
    ours = {"organization": user.organization}
    review = RedactionReview.objects.create(
        conversation=story.now(), run=story.call.run, hidden={"NAME": 1}, reviewed_by=user, **ours
    )
    place = {"utterance": 0, "first": 10, "stop": 11, "start": 5.0, "end": 5.5}
    RedactionCorrection.objects.create(review=review, kind="hide", label="ADDRESS", **place, **ours)
    options = {"viewport": {"width": width, "height": 900}, "locale": locale}
    page = open_call(chromium, live_server, user, story, **options)
    page.locator(".kept summary").click()
    page.locator(".proof summary").click()
    page.locator("#u0").focus()
    page.keyboard.press("h")
    expect(page.locator("#u0 .correct")).to_be_visible()
    page.screenshot(path=tmp_path / f"call-{width}-{locale}.png", full_page=True)
    found, widths = violations(page), [page.evaluate("document.documentElement.scrollWidth")]
    for name, address in (
        ("quality", "/redaction/quality/"),
        ("form", f"/conversations/{story.call.id}/correct/?utterance=0"),
    ):
        page.goto(live_server.url + address)
        page.screenshot(path=tmp_path / f"{name}-{width}-{locale}.png", full_page=True)
        found += violations(page)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    agent = make_user(user.organization, Role.AGENT, password=PASSWORD)
    closed = open_call(chromium, live_server, agent, story, **options)
    expect(closed.locator("body")).not_to_contain_text("Springfield")
    closed.screenshot(path=tmp_path / f"closed-{width}-{locale}.png", full_page=True)
    assert found + violations(closed) == []
    assert max(widths) <= width


def test_words_chosen_with_the_mouse_are_hidden_from_a_bar(
    chromium: Browser, live_server: Any, user: User, story: Story
) -> None:
    story.redact_audio(PASSED)
    page = open_call(chromium, live_server, user, story)
    said = complaints(page)
    bar = page.locator("#correct-bar")
    expect(bar).to_be_hidden()
    page.locator("#u0 .spoken span", has_text="Springfield").dblclick()
    expect(bar).to_contain_text("1 word chosen")
    bar.get_by_label("They are").select_option("ADDRESS")
    bar.get_by_role("button", name="Correct").click()
    expect(page.get_by_text("Corrected. Transcript, audio and tags are being made again.")).to_be_visible()
    assert made() == {(0, 10, 11, "ADDRESS")}
    assert [each for each in said if "audio" not in each.lower() and "409" not in each] == []


def test_several_words_and_a_pill_are_chosen_with_the_mouse(
    chromium: Browser, live_server: Any, user: User, story: Story
) -> None:
    story.redact_audio(PASSED)
    page = open_call(chromium, live_server, user, story)
    expect(page.locator("#waveform > div")).to_be_visible()  # nothing moves any more
    first, last = (page.locator("#u1 .spoken span").nth(place).bounding_box() for place in (1, 3))
    assert first
    assert last
    page.mouse.move(first["x"] + 1, first["y"] + first["height"] / 2)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"] - 1, last["y"] + last["height"] / 2, steps=4)
    page.mouse.up()
    bar = page.locator("#correct-bar")
    expect(bar).to_contain_text("3 words chosen")
    assert violations(page) == []
    bar.get_by_role("button", name="Cancel").click()
    expect(bar).to_be_hidden()
    page.locator("#u0 .pill").click()
    expect(bar).to_contain_text("1 word chosen")
    bar.get_by_label("They are").select_option("show")
    bar.get_by_role("button", name="Correct").click()
    expect(page.get_by_text("Corrected.")).to_be_visible()
    assert made() == {(0, 4, 6, "")}


def test_all_of_it_goes_from_the_keyboard(chromium: Browser, live_server: Any, user: User, story: Story) -> None:
    story.redact_audio(PASSED)
    page = open_call(chromium, live_server, user, story)
    page.locator("#u1").focus()
    page.keyboard.press("h")
    boxes = page.locator("#u1 .correct [name=word]")
    expect(boxes.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(boxes).to_have_count(0)
    expect(page.locator("#u1")).to_be_focused()
    page.keyboard.press("h")
    expect(boxes.first).to_be_focused()
    page.keyboard.press("Space")
    for _to_the_label in range(5):
        page.keyboard.press("Tab")
    expect(page.locator("#label-1")).to_be_focused()
    page.keyboard.press("u")  # the first kind that begins so
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Corrected.")).to_be_visible()
    assert made() == {(1, 0, 1, "USERNAME")}


def test_it_works_without_script(chromium: Browser, live_server: Any, user: User, story: Story) -> None:
    story.redact_audio(QUARANTINED)
    page = open_call(chromium, live_server, user, story, java_script_enabled=False)
    page.get_by_role("link", name="Correct what is hidden at 0:10").click()
    page.get_by_label("moment").check()
    page.get_by_label("They are").select_option("MISC")
    page.get_by_role("button", name="Correct").click()
    expect(page.get_by_text("Corrected.")).to_be_visible()
    assert made() == {(1, 3, 4, "MISC")}


def test_a_reviewer_releases_a_call_after_a_second_look(
    chromium: Browser, live_server: Any, user: User, story: Story
) -> None:
    story.redact_audio(QUARANTINED)
    page = open_call(chromium, live_server, user, story)
    button = page.get_by_role("button", name="Yes, it is safe")
    expect(button).to_be_hidden()
    page.locator(".release summary").click()
    button.click()
    expect(page.get_by_text("The call is released")).to_be_visible()
    assert story.now().status == "completed"
