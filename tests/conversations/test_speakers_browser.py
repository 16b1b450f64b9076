"""Two people on one channel, as a person sees them in Chromium, and says which of them is the agent."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from conversations.models import Conversation, Role, User
from pipeline import documents
from pipeline.storage import blob_store
from tests.conversations.chromium import PASSWORD, complaints
from tests.conversations.test_pages_compare import call_with
from tests.conversations.test_runs_browser import sign_in, violations
from tests.conversations.test_speakers_by_voice import MONO
from tests.factories import make_audio, make_user

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def user() -> User:
    return make_user(role=Role.ADMIN, password=PASSWORD)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_sees_two_voices_apart_and_says_which_is_the_agent(
    chromium: Browser, live_server: Any, user: User, width: int, tmp_path: Path
) -> None:
    call = call_with(user.organization, MONO)
    call.refresh_from_db()
    make_audio(call, b"sound")
    peaks = documents.Peaks(per_second=20, duration=20.0, channels=(tuple(0.2 + n % 9 / 12 for n in range(400)),))
    place = str(call.organization_id), str(call.id)
    stored = blob_store().put("safe", *place, [documents.encode(peaks)], "application/json")
    Conversation.objects.update(peaks=msgspec.to_builtins(stored), duration=20.0)
    address = f"/conversations/{call.id}/"
    page = sign_in(chromium, live_server.url, user, address, viewport={"width": width, "height": 900})
    said = complaints(page)
    colours = [page.locator(f"#u{n} .speaker").evaluate("each => getComputedStyle(each).color") for n in (0, 1, 2)]
    assert colours[0] == colours[2] != colours[1]
    assert page.locator("svg .turn").count() == 4
    page.screenshot(path=tmp_path / f"voices-{width}.png", full_page=True)
    blocked = [each for each in said if "audio" not in each.lower()]
    assert (blocked, violations(page)) == ([], [])
    page.get_by_role("button", name="Speaker 2 is the agent").click()
    expect(page.locator("#u1 .speaker")).to_have_text("Agent")
    expect(page.locator("#u0 .speaker")).to_have_text("Customer")
    expect(page.get_by_role("button", name="Swap the speakers")).to_be_visible()
    page.screenshot(path=tmp_path / f"named-{width}.png", full_page=True)
