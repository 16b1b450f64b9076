"""Raw data is opened with a permission and a reason, and every opening is written down where nobody can strike it out."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from conversations.models import Conversation, Organization, RawAccess, Role, User
from conversations.services import calls, raw_data
from tests.conversations.installation import completed
from tests.factories import make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
SOUND = b"RIFF0000WAVE" + bytes(range(200))
REASON = "Canary Smith asked what was said"


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def call(organization: Organization) -> Conversation:
    return completed(organization, SOUND)


@pytest.fixture
def auditor(organization: Organization) -> User:
    """Somebody who was given the permission."""
    user = make_user(organization)
    user.let("open_raw_data", True)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, call: Conversation, what: str = "audio", reason: str = REASON) -> str:
    """Where one is sent who gives a reason."""
    response = client.post(f"/conversations/{call.id}/raw/", {"what": what, "reason": reason})
    assert response.status_code == 302
    return str(response.headers["Location"])


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def acts() -> list[tuple[str, str, str]]:
    """The audit log, the oldest row first."""
    return list(RawAccess.objects.order_by("at", "act").values_list("act", "what", "via"))


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", list(Role))
def test_no_role_open_raw_data_nor_does_a_superuser(organization: Organization, call: Conversation, role: Role) -> None:
    user = make_user(organization, role, is_superuser=True)
    client, address = signed_in(user), f"/conversations/{call.id}/raw/"
    assert client.get(address).status_code == 403
    assert client.post(address, {"what": "audio", "reason": REASON}).status_code == 403
    assert address not in client.get(f"/conversations/{call.id}/").content.decode()
    answer = Client(headers=token_header(user)).post(
        f"/api/v1/conversations/{call.id}/raw/", {"what": "audio", "reason": REASON}
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert acts() == []


def test_the_raw_data_of_another_organization_is_not_there(auditor: User) -> None:
    other = completed(make_organization(), SOUND)
    assert signed_in(auditor).get(f"/conversations/{other.id}/raw/").status_code == 404
    answer = Client(headers=token_header(auditor)).post(
        f"/api/v1/conversations/{other.id}/raw/", {"what": "audio", "reason": REASON}
    )
    assert answer.status_code == 404


def test_an_admin_gives_the_permission_and_takes_it_away_and_the_admins_log_says_so(organization: Organization) -> None:
    admin, person = make_user(organization, Role.ADMIN), make_user(organization)
    client, address = signed_in(admin), f"/admin/conversations/user/{person.id}/change/"
    fields = {"username": person.username, "role": "supervisor", "is_active": "on"}
    client.post(address, {**fields, "open_raw_data": "on"})
    assert User.objects.get(id=person.id).may_open_raw
    history = client.get(f"/admin/conversations/user/{person.id}/history/").content.decode()
    assert "May open raw recordings and transcripts" in history
    client.post(address, fields)
    assert not User.objects.get(id=person.id).may_open_raw


def test_who_is_switched_off_opens_nothing(auditor: User, call: Conversation) -> None:
    auditor.is_active = False
    with pytest.raises(raw_data.PermissionDenied):
        raw_data.ask(auditor, call, "audio", REASON, raw_data.Door("page", None))


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_with_a_reason_the_raw_recording_plays_by_range_and_each_fetch_is_written_down(
    auditor: User, call: Conversation
) -> None:
    client = signed_in(auditor)
    assert f"/conversations/{call.id}/raw/" in client.get(f"/conversations/{call.id}/").content.decode()
    opened = ask(client, call)
    page = client.get(opened)
    assert f'src="{opened}audio/"' in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    whole = client.get(f"{opened}audio/")
    assert (body(whole), whole.headers["Content-Type"]) == (SOUND, "audio/wav")
    part = client.get(f"{opened}audio/", headers={"Range": "bytes=12-15"})
    assert (part.status_code, body(part)) == (206, SOUND[12:16])
    for response in (whole, part):
        assert "no-store" in response.headers["Cache-Control"]
    assert acts() == [("asked", "audio", "page"), ("given", "audio", "page"), ("given", "audio", "page")]
    assert {(row.user, row.conversation, row.address) for row in RawAccess.objects.all()} == {
        (auditor, call.id, "127.0.0.1")
    }


def test_the_raw_transcript_is_shown_and_written_down(auditor: User, call: Conversation) -> None:
    client = signed_in(auditor)
    page = client.get(ask(client, call, "transcript"))
    assert "My name is" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    assert acts() == [("asked", "transcript", "page"), ("given", "transcript", "page")]


def test_without_a_reason_nothing_is_opened(auditor: User, call: Conversation) -> None:
    client = signed_in(auditor)
    for reason in ("", "   ", "x" * 1001):
        page = client.post(f"/conversations/{call.id}/raw/", {"what": "audio", "reason": reason})
        assert page.status_code == 200
        assert 'role="alert"' in page.content.decode()
    assert acts() == []


def test_a_link_is_one_persons(organization: Organization, auditor: User, call: Conversation) -> None:
    opened = ask(signed_in(auditor), call)
    other = make_user(organization)
    other.let("open_raw_data", True)
    for address in (opened, f"{opened}audio/"):
        assert signed_in(other).get(address).headers["Location"] == f"/conversations/{call.id}/"
        assert Client().get(address).headers["Location"].startswith("/accounts/login/")
    assert len(acts()) == 1


def test_a_link_lasts_for_half_an_hour(auditor: User, call: Conversation) -> None:
    client, door = signed_in(auditor), raw_data.Door("page", None)
    for minutes, status in ((raw_data.LINK_MINUTES - 1, 200), (raw_data.LINK_MINUTES + 1, 302)):
        asked = raw_data.ask(auditor, call, "audio", REASON, door)
        aged = RawAccess.objects.create(
            organization=asked.organization, user=auditor, conversation=call.id, act="asked", what="audio",
            via="page", at=timezone.now() - timedelta(minutes=minutes),
        )  # fmt: skip
        assert client.get(f"/conversations/{call.id}/raw/{aged.id}/audio/").status_code == status, minutes


def test_a_link_ends_with_the_permission(auditor: User, call: Conversation) -> None:
    client = signed_in(auditor)
    opened = ask(client, call)
    auditor.let("open_raw_data", False)
    assert client.get(f"{opened}audio/").status_code == 403


def test_a_link_opens_what_was_asked_for_and_nothing_else(auditor: User, call: Conversation) -> None:
    client, other = signed_in(auditor), completed(auditor.organization, b"of another call")
    opened = ask(client, call, "transcript")
    assert client.get(f"{opened}audio/").status_code == 302
    assert client.get(opened.replace(str(call.id), str(other.id))).status_code == 302
    assert [act for act, *_ in acts()] == ["asked"]


# ── API ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_open_raw_data_with_a_reason(auditor: User, call: Conversation) -> None:
    client, address = Client(headers=token_header(auditor)), f"/api/v1/conversations/{call.id}/raw/"
    audio = client.post(address, {"what": "audio", "reason": REASON}, content_type="application/json")
    assert (audio.status_code, body(audio), audio.headers["Content-Length"]) == (200, SOUND, str(len(SOUND)))
    transcript = client.post(address, {"what": "transcript", "reason": REASON}, content_type="application/json")
    assert transcript.json()["utterances"][0]["text"].startswith("My name is")
    for response in (audio, transcript):
        assert "no-store" in response.headers["Cache-Control"]
    assert sorted(acts()) == sorted(
        (act, what, "api") for act in ("asked", "given") for what in ("audio", "transcript")
    )


@pytest.mark.parametrize(
    "body", [{}, {"what": "audio"}, {"what": "audio", "reason": " "}, {"what": "all", "reason": "x"}]
)
def test_a_program_that_gives_no_reason_is_told_so(auditor: User, call: Conversation, body: dict[str, str]) -> None:
    client = Client(headers=token_header(auditor))
    answer = client.post(f"/api/v1/conversations/{call.id}/raw/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert acts() == []


def test_a_call_without_a_transcript_has_none_to_open(auditor: User, organization: Organization) -> None:
    from tests.conversations.installation import received

    call = received(organization, b"just came in")
    answer = Client(headers=token_header(auditor)).post(
        f"/api/v1/conversations/{call.id}/raw/", {"what": "transcript", "reason": REASON}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "raw_refused")


# ── The audit log ────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_row_of_the_log_can_be_changed_or_deleted(auditor: User, call: Conversation) -> None:
    ask(signed_in(auditor), call)
    row = RawAccess.objects.get()
    changes: list[Any] = [
        lambda: RawAccess.objects.update(what="transcript"),
        lambda: RawAccess.objects.all().delete(),
        row.delete,
        row.save,
        lambda: connection.cursor().execute("delete from conversations_rawaccess"),
    ]
    for change in changes:
        with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
            change()
    assert RawAccess.objects.get() == row


def test_the_log_outlives_the_call_and_the_reason_goes_with_its_key(auditor: User, call: Conversation) -> None:
    ask(signed_in(auditor), call)
    row = RawAccess.objects.get()
    assert raw_data.reason_of(row) == REASON
    assert b"Canary" not in bytes(row.sealed_reason)
    calls.erase(call)
    assert RawAccess.objects.get() == row
    assert raw_data.reason_of(row) is None


def test_an_admin_reads_the_log_and_nobody_writes_in_it(
    organization: Organization, auditor: User, call: Conversation
) -> None:
    ask(signed_in(auditor), call)
    row, address = RawAccess.objects.get(), "/admin/conversations/rawaccess/"
    admin = signed_in(make_user(organization, Role.ADMIN, is_superuser=True))
    listed = admin.get(address).content.decode()
    assert auditor.username in listed
    assert str(call.id) in listed
    assert REASON not in listed
    assert REASON in admin.get(f"{address}{row.id}/change/").content.decode()
    assert admin.get(f"{address}add/").status_code == 403
    assert admin.post(f"{address}{row.id}/change/", {"what": "transcript"}).status_code == 403
    assert admin.post(f"{address}{row.id}/delete/", {"post": "yes"}).status_code == 403
    assert signed_in(make_user(organization)).get(address).status_code == 403
    stranger = signed_in(make_user(role=Role.ADMIN))
    assert str(call.id) not in stranger.get(address).content.decode()
    calls.erase(call)
    assert "was erased" in admin.get(f"{address}{row.id}/change/").content.decode()
