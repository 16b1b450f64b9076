"""The upload, the batch page and the steps that failed for good in a real browser: by script and without, at two widths, in light and dark."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.apps import apps
from playwright.sync_api import Browser, Page, expect

from conversations.ledger.models import Delivery, Subscription
from conversations.models import Batch, Conversation, Role, User
from conversations.services.batches import Reason
from tests.conversations.batches import zip_of
from tests.conversations.chromium import PASSWORD, complaints
from tests.conversations.stories import Story
from tests.factories import make_conversation, make_delivery, make_user

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def user() -> User:
    return make_user(role=Role.ADMIN, password=PASSWORD)


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    contents = {
        "a.wav": b"a", "b.wav": b"b", "copy.wav": b"a", "june.zip": zip_of(("c.wav", b"c"), ("d.zip", b"")),
        "manifest.csv": b"file,agent\na.wav,Ann\nnever.wav,Bob\n",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def sign_in(browser: Browser, address: str, user: User, **options: Any) -> Page:
    page = browser.new_context(**options).new_page()
    page.goto(f"{address}/admin/login/?next=/admin/conversations/batch/upload/")
    page.fill("#id_username", user.username)
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url("**/upload/")
    return page


def violations_in_light_and_dark(page: Page) -> list[str]:
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # the admin's links change their colour slowly
        found += [f"{scheme}: {violation['id']}" for violation in Axe().run(page).response["violations"]]
    return found


def test_a_batch_is_sent_file_by_file_and_watched_until_it_is_done(
    chromium: Browser, live_server: Any, user: User, recordings: list[Path]
) -> None:
    page = sign_in(chromium, live_server.url, user)
    said = complaints(page)
    page.set_input_files("#id_files", [*recordings])
    expect(page.locator("#chosen")).to_contain_text("4 files chosen.")  # the manifest went to its own field
    page.click("button[type=submit].default")
    page.wait_for_url("**/change/")
    batch = Batch.objects.of(user.organization).get()
    assert sorted(batch.items.values_list("reason", flat=True)) == sorted(
        ["", Reason.NOT_IN_MANIFEST, Reason.NOT_IN_MANIFEST, Reason.NOT_IN_MANIFEST, Reason.MEMBER_IS_ARCHIVE,
         Reason.LINE_WITHOUT_FILE]
    )  # fmt: skip
    expect(page.locator(".figures")).to_contain_text("3 to come")
    batch.conversations.update(status=Conversation.Status.COMPLETED)
    expect(page.locator(".figures")).to_contain_text("3 done")  # without a reload
    expect(page.locator("#said")).to_have_text("3 of 3 calls done.")
    assert page.locator("[hx-get]").count() == 0
    assert said == []


def test_without_a_script_the_form_sends_everything_at_once(
    chromium: Browser, live_server: Any, user: User, recordings: list[Path]
) -> None:
    page = sign_in(chromium, live_server.url, user, java_script_enabled=False)
    page.set_input_files("#id_files", recordings[:4])
    page.set_input_files("#id_manifest", recordings[4])
    page.click("button[type=submit].default")
    expect(page.locator(".figures")).to_contain_text("3 to come")
    assert Conversation.objects.of(user.organization).filter(agent="Ann").count() == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_can_be_read_by_everyone(
    chromium: Browser, live_server: Any, user: User, recordings: list[Path], width: int
) -> None:
    page = sign_in(chromium, live_server.url, user, viewport={"width": width, "height": 900})
    assert violations_in_light_and_dark(page) == []
    page.set_input_files("#id_files", [*recordings])
    page.click("button[type=submit].default")
    page.wait_for_url("**/change/")
    call = Batch.objects.of(user.organization).get().conversations.first()
    Conversation.objects.filter(pk=call.pk).update(
        status=Conversation.Status.FAILED, failure_code="audio_empty", failure_service="transcription"
    )
    page.reload()
    expect(page.locator(".causes")).to_contain_text("The file is empty.")
    assert violations_in_light_and_dark(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


# ── Steps that failed for good ───────────────────────────────────────────────────────────────────────────────────

DEAD = "/admin/conversations/delivery/"


@pytest.fixture
def story(user: User, relayed: list[Any]) -> Story:
    """A call whose audio could not be redacted; beside it two that crashed in transcription."""
    if not Subscription.objects.exists():  # Django forgets them when the database is older than the browser's loop
        import_module("conversations.migrations.0002_subscriptions").subscribe(apps, None)
    for _ in range(2):
        call = make_conversation(user.organization, status="failed", failure_code="crashed")
        make_delivery(call, "transcription", "dead", error="crashed", sends=5)
    story = Story(user.organization)
    story.until_anonymized()
    story.kill_audio_redaction()
    return story


def test_without_a_script_all_of_a_cause_are_replayed_and_one_is_given_up_after_a_question(
    chromium: Browser, live_server: Any, user: User, story: Story
) -> None:
    page = sign_in(chromium, live_server.url, user, java_script_enabled=False)
    page.goto(f"{live_server.url}{DEAD}")
    page.get_by_role("button", name="Replay all of this cause (Transcription, crashed)").click()
    expect(page.locator("#content")).to_contain_text("Try these 2 steps again")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator(".messagelist")).to_have_text("2 steps are tried again.")
    page.locator("#result_list tbody th a").click()
    expect(page.locator(".timeline")).to_contain_text("The transcript was anonymized")
    page.get_by_role("button", name="Give up this step").click()
    page.get_by_role("button", name="Give up", exact=True).click()
    expect(page.locator(".messagelist")).to_have_text("1 step was given up.")
    expect(page.locator("#content")).to_contain_text("Nothing has failed for good.")
    states = Delivery.objects.filter(service__in=["transcription", "audio_redaction"]).values_list("state", flat=True)
    assert sorted(states) == ["cancelled", "done", "pending", "pending"]


@pytest.mark.parametrize("width", [1280, 390])
def test_what_failed_for_good_can_be_read_by_everyone(
    chromium: Browser, live_server: Any, user: User, story: Story, width: int
) -> None:
    page = sign_in(chromium, live_server.url, user, viewport={"width": width, "height": 900})
    dead = Delivery.objects.get(subject=story.call.id, state="dead")
    for address in (DEAD, f"{DEAD}?service=transcription&error=crashed", f"{DEAD}{dead.pk}/change/",
                    f"/conversations/{story.call.id}/"):  # fmt: skip
        page.goto(live_server.url + address)
        assert violations_in_light_and_dark(page) == [], address
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), address
    page.goto(f"{live_server.url}{DEAD}")
    page.get_by_role("button", name="Give up all of this cause").first.click()
    assert violations_in_light_and_dark(page) == []


def test_a_timeline_unfolds_by_keyboard_and_tells_failures_by_more_than_colour(
    chromium: Browser, live_server: Any, user: User, story: Story
) -> None:
    page = sign_in(chromium, live_server.url, user)
    said = complaints(page)
    page.goto(f"{live_server.url}/conversations/{story.call.id}/")
    moment = page.locator("#timeline li", has_text="Failed: redaction of the audio, attempt 1")
    expect(moment).to_be_visible()  # the call failed, and so it is unfolded
    expect(moment).to_contain_text("✕")
    page.locator("#timeline summary").focus()
    page.keyboard.press("Enter")
    expect(moment).not_to_be_visible()
    assert said == []
