"""A person at work, in headless Chromium: upload a batch, watch it finish, listen, search, tag."""

import io
import os
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipeline.services import media
from tests.running import PASSWORD, ROOT, Running

SAMPLES = ROOT / "conversations" / "samples"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
MINUTES = 60_000


COMPLAINTS: dict[Page, list[str]] = {}
"""What has been said on a page's console."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(running: Running, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has signed in; nothing may be said on its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints = COMPLAINTS[page] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{running.url}/accounts/login/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{running.url}/")
    yield page
    context.close()
    assert complaints == []


def spoken(name: str, first: float, last: float) -> bytes:
    """A stretch of a sample call, as a two-channel WAV."""
    samples = media.decode(SAMPLES / name, sample_rate=8000)[:, int(first * 8000) : int(last * 8000)]
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(2)
        written.setframerate(8000)
        whole = samples if samples.dtype == np.int16 else samples * 32767
        written.writeframes(whole.T.astype("<i2").tobytes())
    return file.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two short calls and a letter, with a manifest."""
    folder = tmp_path_factory.mktemp("batch")
    contents = {
        "first.wav": spoken("billing-refund.flac", 0, 15),
        "second.wav": spoken("delivery-delay.flac", 0, 15),
        "letter.wav": b"Dear customer, thank you for your letter.\n" * 20,
        "calls.csv": b"file,external_id,agent\nfirst.wav,E-1,Emily\nthird.wav,E-3,Emily\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def played(page: Page) -> float:
    """The moment that the player is at, in seconds; -1 without a player."""
    moment: float = page.evaluate("document.querySelector('audio')?.currentTime ?? -1")
    return moment


def until_played(page: Page, moment: float) -> None:
    """Wait until the player is past a moment. (Playwright's own waiting needs eval, which the pages forbid.)"""
    for _ in range(100):
        if played(page) >= moment:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the player is at {played(page)} s, not past {moment} s")


def assert_accessible(page: Page) -> None:
    """No violation that axe knows of. What axe itself makes the page complain of (inline styles) does not count."""
    assert COMPLAINTS[page] == []
    found = Axe().run(page).response["violations"]
    COMPLAINTS[page].clear()
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_a_batch_is_uploaded_watched_heard_and_tagged(page: Page, running: Running, files: list[Path]) -> None:
    page.get_by_role("link", name="Upload calls").first.click()
    page.get_by_label("Name").fill("Monday")
    page.set_input_files("#id_files", files)
    assert_accessible(page)
    page.get_by_role("button", name="Upload", exact=True).click()
    finished = page.locator(".figures").filter(has_text=re.compile(r"2\s+done\s+1\s+failed\s+0\s+to come"))
    expect(finished).to_be_visible(timeout=5 * MINUTES)
    expect(page.locator(".causes")).to_contain_text("The file is not audio")
    expect(page.locator("body")).to_contain_text("third.wav")
    assert_accessible(page)

    page.get_by_role("link", name="first.wav").click()
    expect(page.locator("h1")).to_contain_text("Emily")
    page.get_by_role("button", name="Play").click()
    until_played(page, 1)
    expect(page.locator(".transcript .now").first).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    assert_accessible(page)

    word = page.locator(".spoken [data-start]").nth(12)
    word.click()
    start = float(word.get_attribute("data-start") or 0)
    until_played(page, start - 0.05)
    assert played(page) < start + 2

    page.locator("body").press("t")
    page.keyboard.type("Follow up")
    page.keyboard.press("Enter")
    expect(page.locator("#tags")).to_contain_text("Follow up")
    page.reload()
    expect(page.locator("#tags")).to_contain_text("Follow up")


def test_a_hit_jumps_to_the_moment(page: Page) -> None:
    page.get_by_role("searchbox").fill('"charged twice"')
    page.keyboard.press("Enter")
    hit = page.locator("mark").first
    expect(hit).to_have_text(re.compile("charged|twice"))
    assert_accessible(page)
    hit.click()
    until_played(page, 3)
    assert re.search(r"[?&]t=[\d.]+", page.url)


def test_the_contract_is_a_page(page: Page, running: Running) -> None:
    page.goto(f"{running.url}/docs/events/")
    expect(page.get_by_role("heading", name="TranscriptAnonymized")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_small_and_large_screens_in_light_and_dark(
    page: Page, running: Running, width: int, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    call = running.api("GET", "conversations/?status=completed").json()["results"][0]["id"]
    for path in ("/", "/?q=refund", f"/conversations/{call}/"):
        page.goto(running.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert_accessible(page)
