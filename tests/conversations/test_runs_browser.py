"""Flags, another run, the comparison of two and the swap of speakers in a real browser, at two widths, in two languages."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from conversations.models import Conversation, Role, User
from pipeline import documents
from pipeline.documents import Flag
from tests.conversations.chromium import PASSWORD, complaints
from tests.conversations.test_pages_compare import TINY, call_with, heard
from tests.factories import make_audio, make_user

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def said() -> documents.Transcript:
    """A transcript with a flagged utterance, and words that were withheld."""
    first = heard(
        ("agent", 0, 0.0, 3.0, "Hello, this is Bluewave."),
        ("customer", 1, 2.5, 6.0, "I want a refund, please."),
        ("agent", 0, 7.0, 9.0, "One moment, I shall look it up for you."),
        engine="faster-whisper", model="base", flags=(Flag.UNSURE_LANGUAGE,),
        withheld=(
            documents.Withheld(channel=1, start=9.5, end=19.0, words=7, reason=Flag.HALLUCINATION),
            documents.Withheld(channel=0, start=31.0, end=33.0, words=2, reason=Flag.MUSIC),
        ),
    )  # fmt: skip
    *others, last = first.utterances
    doubtful = documents.Utterance(
        index=2, speaker="agent", channel=0, start=7.0, end=9.0, text=last.text, flags=(Flag.QUIET, Flag.HALLUCINATION)
    )
    return documents.Transcript(
        language="en", duration=60.0, utterances=(*others, doubtful), channels=2, engine="faster-whisper", model="base",
        flags=first.flags, withheld=first.withheld,
    )  # fmt: skip


@pytest.fixture
def user() -> User:
    return make_user(role=Role.ADMIN, password=PASSWORD)


@pytest.fixture
def call(user: User) -> Conversation:
    """A call with two runs, of which the later one is shown."""
    call = call_with(user.organization, TINY, said())
    call.refresh_from_db()
    make_audio(call, b"sound")
    return call


def sign_in(browser: Browser, address: str, user: User, next: str, **options: Any) -> Page:
    page = browser.new_context(**options).new_page()
    page.goto(f"{address}/accounts/login/?next={next}")
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{next}")
    return page


def violations(page: Page) -> list[str]:
    return [f"{each['id']}: {each['nodes'][0]['html'][:150]}" for each in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("locale", ["en", "fr"])
def test_pages_fit_and_are_accessible(
    chromium: Browser, live_server: Any, user: User, call: Conversation, width: int, locale: str, tmp_path: Path
) -> None:
    address = f"/conversations/{call.id}/"
    options = {"viewport": {"width": width, "height": 900}, "locale": locale}
    page = sign_in(chromium, live_server.url, user, address, **options)
    page.locator(".again summary").click()
    page.locator(".withheld summary").click()
    page.screenshot(path=tmp_path / f"call-{width}-{locale}.png", full_page=True)
    found = violations(page)
    page.goto(f"{live_server.url}{address}compare/")
    page.screenshot(path=tmp_path / f"compare-{width}-{locale}.png", full_page=True)
    found += violations(page)
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_speakers_are_swapped_with_one_click_and_the_moments_of_what_was_withheld_are_links(
    chromium: Browser, live_server: Any, user: User, call: Conversation
) -> None:
    page = sign_in(chromium, live_server.url, user, f"/conversations/{call.id}/")
    said = complaints(page)
    expect(page.locator("#u0 .speaker")).to_have_text("Agent")
    page.get_by_role("button", name="Swap the speakers").click()
    expect(page.locator("#u0 .speaker")).to_have_text("Customer")
    page.get_by_text("9 words are withheld").click()
    page.get_by_role("link", name="0:09 – 0:19").click()
    page.get_by_role("link", name="Compare the runs").click()
    expect(page.get_by_role("heading", name="Compare runs")).to_be_visible()
    assert [each for each in said if "audio" not in each.lower()] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_admins_pages_for_it_are_accessible(
    chromium: Browser, live_server: Any, user: User, call: Conversation, width: int, tmp_path: Path
) -> None:
    address = "/admin/conversations/conversation/"
    page = sign_in(chromium, live_server.url, user, address, viewport={"width": width, "height": 900})
    page.check("[name=_selected_action]")
    page.select_option("[name=action]", "reprocess_calls")
    page.locator("[name=index]").click()
    expect(page.get_by_label("More words to know")).to_be_visible()
    page.screenshot(path=tmp_path / f"admin-{width}.png", full_page=True)
    found = violations(page)
    page.goto(f"{live_server.url}/admin/conversations/organization/{user.organization_id}/change/")
    expect(page.get_by_label("Vocabulary")).to_be_visible()
    page.screenshot(path=tmp_path / f"organization-{width}.png", full_page=True)
    assert found + violations(page) == []
