"""Opening raw data, and the redaction policy, in a real browser: playing by range, two widths, light and dark."""

import io
import wave
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from conversations.models import Organization, RawAccess, Role, User
from tests.conversations.chromium import PASSWORD, complaints
from tests.conversations.installation import completed
from tests.conversations.test_admin_browser import sign_in, violations_in_light_and_dark
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
SECONDS = 40


@pytest.fixture
def user() -> User:
    user = make_user(role=Role.ADMIN, password=PASSWORD)
    user.let("open_raw_data", True)
    return user


def recording() -> bytes:
    """A WAV of more than one sealed chunk."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16000)
        written.writeframes((8000 * np.sin(np.arange(16000 * SECONDS) / 20)).astype("<i2").tobytes())
    return file.getvalue()


def wait_for(page: Page, script: str) -> None:
    """Wait until a script says so. (Playwright's own waiting needs eval, which the pages forbid.)"""
    for _ in range(150):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(script)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_recording_is_opened_with_a_reason_and_plays_from_its_middle(
    chromium: Browser, live_server: Any, user: User, width: int
) -> None:
    call = completed(user.organization, recording())
    page = sign_in(chromium, live_server.url, user, viewport={"width": width, "height": 900})
    said = complaints(page)
    page.goto(f"{live_server.url}/conversations/{call.id}/")
    page.get_by_role("link", name="Open the raw recording or transcript…").click()
    assert violations_in_light_and_dark(page) == []
    page.get_by_label("Reason").fill("A complaint about what was said")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("h1")).to_have_text("Raw recording")
    page.evaluate("document.querySelector('audio').preload = 'metadata'")
    wait_for(page, f"document.querySelector('audio').duration >= {SECONDS - 1}")
    page.evaluate(f"document.querySelector('audio').currentTime = {SECONDS - 5}")
    wait_for(page, "!document.querySelector('audio').seeking && document.querySelector('audio').readyState >= 2")
    assert said == []  # before axe, of which the page complains
    assert violations_in_light_and_dark(page) == []
    assert RawAccess.objects.filter(act="asked", user=user, conversation=call.id).count() == 1
    assert RawAccess.objects.filter(act="given", what="audio").exists()
    page.goto(f"{live_server.url}/admin/conversations/rawaccess/")
    expect(page.locator("#result_list")).to_contain_text("was given it")
    assert violations_in_light_and_dark(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_redaction_policy_is_chosen_by_its_labels(
    chromium: Browser, live_server: Any, user: User, width: int
) -> None:
    page = sign_in(chromium, live_server.url, user, viewport={"width": width, "height": 900})
    page.goto(f"{live_server.url}/admin/conversations/organization/{user.organization_id}/change/")
    assert violations_in_light_and_dark(page) == []
    page.get_by_label("Address", exact=True).select_option("generalized")
    page.get_by_label("Name", exact=True).select_option("kept")
    page.get_by_label("An agent's own name stays").check()
    page.get_by_label("Margin around hidden words").fill("0.3")
    page.get_by_label("Days that raw data is kept").fill("30")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value("generalized")
    kept = Organization.objects.get(id=user.organization_id)
    policy = kept.settings(60.0).redaction
    assert (policy.generalize, policy.keep, policy.agent_name, policy.pad) == (("ADDRESS",), ("NAME",), True, 0.3)
    assert kept.raw_days == 30
