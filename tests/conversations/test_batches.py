"""Batches: files, zips good and bad, manifests, limits, and what is told of each."""

import io
import random
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from conversations.models import Batch, BatchItem, Conversation, Organization, User
from conversations.services import batches
from conversations.services.batches import Reason, manifest
from conversations.services.calls import details_of, erase
from pipeline.events import Blob
from pipeline.storage import StorageError, blob_store
from tests.factories import make_organization, make_user

pytestmark = pytest.mark.django_db

Outcome = BatchItem.Outcome


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def organization(user: User) -> Organization:
    return user.organization


def receive(user: User, *files: tuple[str, bytes], manifest: bytes | None = None, language: str = "") -> Batch:
    uploads = [(name, io.BytesIO(content)) for name, content in files]
    table = None if manifest is None else io.BytesIO(manifest)
    return batches.receive_batch(user.organization, user, "June", uploads, manifest=table, language=language)


def fates(batch: Batch) -> list[tuple[str, str, str]]:
    """Name, outcome and reason of each item, in order."""
    return [(str(batches.file_name_of(item)), item.outcome, item.reason) for item in batch.items.all()]


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


class Unseekable(io.BytesIO):
    """A stream that cannot go back, so that a zip's sizes come behind its data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *args: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_file_of_a_batch_is_a_call_of_the_batch_lane(user: User) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"))
    assert fates(batch) == [("a.wav", "accepted", ""), ("b.wav", "accepted", "")]
    calls = Conversation.objects.of(user.organization).filter(batch=batch)
    assert {call.lane for call in calls} == {Conversation.Lane.BATCH}
    assert {details_of(call).file_name for call in calls} == {"a.wav", "b.wav"}


def test_the_same_bytes_twice_in_a_batch_are_one_call_and_the_second_says_so(user: User) -> None:
    batch = receive(user, ("a.wav", b"same"), ("again.wav", b"same"))
    assert [item.outcome for item in batch.items.all()] == [Outcome.ACCEPTED, Outcome.DUPLICATE]
    assert len({item.conversation_id for item in batch.items.all()}) == 1


def test_a_batch_sent_again_makes_no_call(user: User) -> None:
    receive(user, ("a.wav", b"one"))
    assert fates(receive(user, ("a.wav", b"one"))) == [("a.wav", "duplicate", "")]
    assert Conversation.objects.of(user.organization).count() == 1


def test_a_file_that_is_too_large_is_refused_and_the_rest_goes_on(user: User, limits: Callable[..., None]) -> None:
    limits(max_upload_bytes=10)
    batch = receive(user, ("long.wav", b"x" * 11), ("short.wav", b"x" * 10))
    assert fates(batch) == [("long.wav", "refused", Reason.FILE_TOO_LARGE), ("short.wav", "accepted", "")]


def test_a_batch_takes_no_more_files_than_the_limit(user: User, limits: Callable[..., None]) -> None:
    limits(max_batch_files=2)
    batch = receive(user, ("a.wav", b"1"), ("b.wav", b"2"), ("c.wav", b"3"))
    assert [reason for _name, _outcome, reason in fates(batch)] == ["", "", Reason.TOO_MANY_FILES]
    assert "at most 2 files" in batches.reason_sentence(Reason.TOO_MANY_FILES)


def test_a_storage_that_is_away_refuses_the_file_and_says_so(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object) -> None:
        raise StorageError("away")

    monkeypatch.setattr(blob_store(), "put", away)
    assert fates(receive(user, ("a.wav", b"one"))) == [("a.wav", "refused", Reason.STORAGE_UNAVAILABLE)]


def test_file_names_are_nowhere_in_the_database_in_the_clear(user: User) -> None:
    batch = receive(user, ("Jane Doe.wav", b"one"), ("Jane Doe.zip", b"no zip"))
    assert all(b"Jane" not in bytes(item.sealed_name) for item in batch.items.all())
    assert [name for name, _outcome, _reason in fates(batch)] == ["Jane Doe.zip", "Jane Doe.wav"]


def test_erasing_a_call_makes_its_file_name_unreadable(user: User) -> None:
    batch = receive(user, ("Jane Doe.wav", b"one"))
    erase(Conversation.objects.get(batch=batch))
    assert batches.file_name_of(batch.items.get()) is None


# ── Zips ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_files_of_a_zip_are_calls_and_what_systems_leave_is_skipped(user: User) -> None:
    content = zip_of(
        ("june/", b""), ("june/a.wav", b"one"), ("__MACOSX/june/._a.wav", b"x"), ("june/.DS_Store", b"x"),
        ("june/Thumbs.db", b"x"), (".hidden/b.wav", b"x"), ("b.wav", b"two"),
    )  # fmt: skip
    assert fates(receive(user, ("june.zip", content))) == [
        ("june.zip › june/a.wav", "accepted", ""), ("june.zip › b.wav", "accepted", ""),
    ]  # fmt: skip


def test_a_zip_in_a_zip_is_refused_by_name_and_by_content(user: User) -> None:
    inner = zip_of(("a.wav", b"one"))
    batch = receive(user, ("outer.zip", zip_of(("inner.zip", inner), ("disguised.wav", inner), ("b.wav", b"two"))))
    assert [reason for _name, _outcome, reason in fates(batch)] == [
        Reason.MEMBER_IS_ARCHIVE, Reason.MEMBER_IS_ARCHIVE, "",
    ]  # fmt: skip


def test_a_member_with_a_password_is_refused_and_the_others_go_on(user: User) -> None:
    content = bytearray(zip_of(("secret.wav", b"one"), ("open.wav", b"two")))
    content[6] |= 1  # the flag in the local header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    batch = receive(user, ("mixed.zip", bytes(content)))
    assert fates(batch) == [
        ("mixed.zip › secret.wav", "refused", Reason.MEMBER_ENCRYPTED), ("mixed.zip › open.wav", "accepted", ""),
    ]  # fmt: skip


def test_a_link_in_a_zip_is_refused(user: User) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.wav")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert fates(receive(user, ("z.zip", buffer.getvalue()))) == [
        ("z.zip › link.wav", "refused", Reason.MEMBER_IS_LINK)
    ]


def test_a_rare_compression_is_refused(user: User) -> None:
    content = zip_of(("a.wav", noise(100)), method=zipfile.ZIP_LZMA)
    assert fates(receive(user, ("z.zip", content))) == [("z.zip › a.wav", "refused", Reason.MEMBER_METHOD)]


def test_a_damaged_member_is_named_and_the_others_go_on(user: User) -> None:
    content = bytearray(zip_of(("a.wav", noise(50, 1)), ("b.wav", noise(50, 2)), ("c.wav", b"3"), method=0))
    content[content.index(noise(50, 2))] ^= 0xFF
    batch = receive(user, ("z.zip", bytes(content)))
    assert [(name, reason) for name, _outcome, reason in fates(batch)] == [
        ("z.zip › a.wav", ""), ("z.zip › b.wav", Reason.MEMBER_DAMAGED), ("z.zip › c.wav", ""),
    ]  # fmt: skip


def test_a_zip_that_breaks_off_gives_the_members_before_the_break(user: User) -> None:
    content = zip_of(("a.wav", noise(500, 1)), ("b.wav", noise(500, 2)), ("c.wav", noise(500, 3)))
    batch = receive(user, ("z.zip", content[:1300]))
    assert fates(batch) == [
        ("z.zip › a.wav", "accepted", ""), ("z.zip › b.wav", "accepted", ""),
        ("z.zip", "refused", Reason.ARCHIVE_CUT_OFF),
    ]  # fmt: skip


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_streamed_zip_that_breaks_off_gives_the_members_before_the_break(user: User, method: int) -> None:
    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for number in range(3):
            with archive.open(f"{number}.wav", "w") as member:
                member.write(noise(300_000, number))
    batch = receive(user, ("z.zip", buffer.getvalue()[:-70_000]))
    assert [(outcome, reason) for _name, outcome, reason in fates(batch)] == [
        ("accepted", ""), ("accepted", ""), ("refused", Reason.ARCHIVE_CUT_OFF),
    ]  # fmt: skip
    stored = Conversation.objects.filter(batch=batch).order_by("id")
    assert blob_store().read(raw_audio(stored[1]), str(user.organization_id), str(stored[1].id)) == noise(300_000, 1)


def raw_audio(call: Conversation) -> Blob:
    return msgspec.convert(call.audio, Blob)


def test_what_is_no_zip_at_all_is_refused(user: User) -> None:
    assert fates(receive(user, ("z.zip", b"RIFF and so on"))) == [("z.zip", "refused", Reason.ARCHIVE_DAMAGED)]


def test_an_empty_zip_makes_no_call(user: User) -> None:
    assert fates(receive(user, ("z.zip", zip_of()))) == [("z.zip", "refused", Reason.ARCHIVE_EMPTY)]


def test_a_bomb_is_stopped_by_what_it_unpacks_to(user: User, limits: Callable[..., None]) -> None:
    limits(max_upload_bytes=1_000_000)
    bomb = zip_of(*((f"{number}.wav", bytes(900_000)) for number in range(4)), ("z.wav", b"never reached"))
    batch = receive(user, ("bomb.zip", bomb))
    assert [(name, reason) for name, _outcome, reason in fates(batch)] == [
        ("bomb.zip › 0.wav", ""), ("bomb.zip › 1.wav", Reason.ARCHIVE_TOO_LARGE),
    ]  # fmt: skip


def test_a_size_that_a_zip_declares_is_not_believed(user: User, limits: Callable[..., None]) -> None:
    limits(max_upload_bytes=5_000)
    content = bytearray(zip_of(("small.wav", bytes(1_000_000)), ("b.wav", b"two")))
    for place in (22, content.index(b"PK\x01\x02") + 24):
        content[place : place + 4] = (10).to_bytes(4, "little")
    outcomes = [(outcome, reason) for _name, outcome, reason in fates(receive(user, ("z.zip", bytes(content))))]
    assert outcomes == [("refused", Reason.MEMBER_DAMAGED), ("accepted", "")]


def test_a_member_larger_than_an_upload_may_be_is_refused(user: User, limits: Callable[..., None]) -> None:
    content = zip_of(("large.wav", noise(3_000)), ("b.wav", b"two"))
    limits(max_upload_bytes=2_000)
    assert fates(receive(user, ("z.zip", content)))[0][2] == Reason.FILE_TOO_LARGE
    limits(max_upload_bytes=len(content))
    assert fates(receive(user, ("z.zip", content)))[0][1] == Outcome.ACCEPTED


def test_a_zip_with_more_files_than_a_batch_takes_stops_at_the_limit(user: User, limits: Callable[..., None]) -> None:
    limits(max_batch_files=2)
    content = zip_of(*((f"{number}.wav", bytes([number])) for number in range(5)))
    assert [reason for _name, _outcome, reason in fates(receive(user, ("z.zip", content)))] == [
        "", "", Reason.TOO_MANY_FILES,
    ]  # fmt: skip


def test_a_zip_that_lists_thousands_too_many_is_not_even_listed(user: User, limits: Callable[..., None]) -> None:
    limits(max_batch_files=1)
    content = zip_of(*((f"{number}", b"") for number in range(1100)))
    assert fates(receive(user, ("z.zip", content))) == [("z.zip", "refused", Reason.ARCHIVE_LISTS_TOO_MUCH)]


def test_no_damage_to_a_zip_does_more_than_refuse(user: User) -> None:
    whole = zip_of(("a.wav", noise(200, 1)), ("m.csv", b"file\na.wav\n"), ("b.wav", b"b" * 300))
    chance = random.Random(7)
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        batch = receive(user, ("z.zip", bytes(content[: chance.randint(20, len(content))])))
        assert batch.items.count()


# ── Manifests ────────────────────────────────────────────────────────────────────────────────────────────────────

FULL = "file;external_id;language;started_at;agent;channels;Ticket\n"


@pytest.mark.parametrize(
    "table",
    [
        FULL + "a.wav;X-1;en;2026-06-01 14:05;Zoë;agent,customer;42\n",
        "\ufeff" + FULL + "a.wav;X-1;EN;2026-06-01T14:05:00Z;Zoë;agent customer;42\n",  # as spreadsheets save it
        FULL.replace(";", ",") + 'a.wav,X-1,en-GB,2026-06-01 14:05,Zoë,"agent,customer",42\n',
        FULL.replace(";", "\t").replace("\n", "\r\n")
        + "./a.wav\tX-1\ten\t2026-06-01 14:05\tZoë\tagent/customer\t42\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_manifest_says_what_is_known_of_a_call(user: User, table: str, encoding: str) -> None:
    batch = receive(user, ("a.wav", b"one"), manifest=table.encode(encoding, "ignore"))
    call = Conversation.objects.get(batch=batch)
    details = details_of(call)
    assert (details.external_id, details.language, details.metadata) == ("X-1", "en", {"ticket": "42"})
    assert (call.agent, call.speakers) == ("Zoë", ["agent", "customer"])
    assert call.started_at == datetime(2026, 6, 1, 14, 5, tzinfo=UTC)
    assert batch.items.get().line == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.wav;;;yesterday;;;", Reason.LINE_BAD_DATE),
        ("a.wav;;;2026-02-30;;;", Reason.LINE_BAD_DATE),  # written well, but no day
        ("a.wav;;;06/01/2026;;;", Reason.LINE_BAD_DATE),  # January or June?
        ("a.wav;;klingon;;;;", Reason.LINE_BAD_LANGUAGE),
        ("a.wav;;de;;;;", Reason.LINE_BAD_LANGUAGE),  # a language, but not the organization's
        ("a.wav;;;;;agent,agent;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;;agent,;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;;<b>;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;" + "x" * 101 + ";;", Reason.LINE_BAD_AGENT),
        ("a.wav;" + "x" * 201 + ";;;;;", Reason.LINE_BAD_EXTERNAL_ID),
        ("a.wav;;;;;;;too;many", Reason.LINE_TOO_LONG),
    ],
)
def test_a_line_that_cannot_be_taken_refuses_its_file_by_line_number(user: User, row: str, reason: Reason) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=f"{FULL}\n{row}\nb.wav;;;;;;\n".encode())
    refused, accepted = batch.items.all()
    assert (refused.outcome, refused.reason, refused.line) == (Outcome.REFUSED, reason, 3)
    assert (accepted.outcome, accepted.line) == (Outcome.ACCEPTED, 4)
    assert batches.reason_sentence(refused.reason, refused.line).startswith("Line 3 of the manifest: ")


def test_lines_without_a_file_named_twice_or_naming_none_are_reported_by_number(user: User) -> None:
    table = b"file,agent\na.wav,Ann\nmissing.wav,Bob\na.wav,Carl\n,Dora\n"
    batch = receive(user, ("a.wav", b"one"), manifest=table)
    assert [(item.line, item.outcome, item.reason) for item in batch.items.all()] == [
        (2, "accepted", ""), (3, "refused", Reason.LINE_WITHOUT_FILE), (4, "refused", Reason.LINE_REPEATS_FILE),
        (5, "refused", Reason.LINE_NAMES_NO_FILE),
    ]  # fmt: skip
    assert Conversation.objects.get(batch=batch).agent == "Ann"


def test_a_file_that_the_manifest_does_not_name_is_taken_in_and_said_so(user: User) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=b"file\nb.wav\n")
    assert fates(batch) == [("a.wav", "accepted", Reason.NOT_IN_MANIFEST), ("b.wav", "accepted", "")]


def test_a_manifest_may_come_among_the_files_or_in_a_zip_and_in_any_order(user: User) -> None:
    table = b"file,agent\ncalls/a.wav,Ann\n"
    loose = receive(user, ("a.wav", b"one"), ("manifest.csv", table))
    zipped = receive(user, ("z.zip", zip_of(("calls/a.wav", b"two"), ("manifest.csv", table))))
    for batch in (loose, zipped):
        assert Conversation.objects.get(batch=batch).agent == "Ann"
        assert fates(batch)[0][2] == Reason.IS_MANIFEST


def test_a_second_manifest_is_not_used_and_the_first_stays(user: User) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.csv", b"file,agent\na.wav,Bob\n"), manifest=b"file,agent\na.wav,Ann\n")
    assert fates(batch)[0] == ("b.csv", "refused", Reason.MANIFEST_IS_SECOND)
    assert Conversation.objects.get(batch=batch).agent == "Ann"


def test_a_line_goes_with_one_file_also_where_two_have_its_name(user: User) -> None:
    table = b"file,agent\na.wav,Ann\n"
    batch = receive(user, ("z.zip", zip_of(("x/a.wav", b"one"), ("y/a.wav", b"two"))), manifest=table)
    assert [reason for _name, _outcome, reason in fates(batch)] == ["", Reason.NOT_IN_MANIFEST]


def test_an_accent_written_apart_is_the_same_name() -> None:
    table = manifest.read_manifest("file\né.wav\n".encode(), ("en",))
    line = table.line_for("e\u0301.wav")
    assert line is not None
    assert line.number == 2


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (b"", Reason.MANIFEST_NO_FILE_COLUMN),
        (b"name,agent\na.wav,Ann\n", Reason.MANIFEST_NO_FILE_COLUMN),
        (b"file,agent,agent\na.wav,Ann,Bob\n", Reason.MANIFEST_REPEATS_COLUMN),
        ("file,agent\na.wav,Ann\n".encode("utf-16"), Reason.MANIFEST_UNREADABLE),
        (b"file\n" + b'"' + b"x" * 200_000, Reason.MANIFEST_UNREADABLE),  # a cell that never ends
        (b"file\n" + b"x" * manifest.MOST_BYTES, Reason.MANIFEST_TOO_LARGE),
        (b"file\n" + b"a.wav\n" * 2001, Reason.MANIFEST_TOO_LARGE),
    ],
)
def test_a_manifest_that_cannot_be_read_stops_the_batch_before_it_begins(
    user: User, table: bytes, reason: Reason
) -> None:
    with pytest.raises(batches.ManifestRefused) as refused:
        receive(user, ("a.wav", b"one"), manifest=table)
    assert refused.value.reason == reason
    assert not Batch.objects.of(user.organization).exists()


def test_a_table_among_the_files_that_is_no_manifest_is_refused_and_the_rest_goes_on(user: User) -> None:
    batch = receive(user, ("costs.csv", b"a,b\n1,2\n"), ("a.wav", b"one"))
    assert fates(batch) == [("costs.csv", "refused", Reason.MANIFEST_NO_FILE_COLUMN), ("a.wav", "accepted", "")]


def test_the_language_of_a_batch_is_that_of_calls_whose_line_says_none(user: User) -> None:
    table = b"file,language\na.wav,en\nb.wav,\n"
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=table, language="fr")
    languages = [item.conversation.requested_language for item in batch.items.all() if item.conversation]
    assert languages == ["en", "fr"]


def test_a_manifest_is_sealed_while_the_upload_lasts_and_gone_after(user: User, organization: Organization) -> None:
    table = io.BytesIO(b"file,customer\na.wav,Jane Doe\nb.wav,Joe\n")
    batch = batches.open_batch(organization, user, "June", manifest=table)
    batches.add_file(batch, "a.wav", io.BytesIO(b"one"))
    batch = Batch.objects.get(pk=batch.pk)  # as another request sees it
    assert b"Jane" not in bytes(batch.sealed_manifest)
    assert [line.number for line in batches.missing_lines(batch)] == [3]
    assert [item.line for item in batches.close_batch(batch)] == [3]
    assert not Batch.objects.get(pk=batch.pk).sealed_manifest


def test_closing_a_batch_twice_says_nothing_twice() -> None:
    user = make_user(make_organization())
    batch = batches.open_batch(user.organization, user, "June", manifest=io.BytesIO(b"file\na.wav\n"))
    assert len(batches.close_batch(batch)) == 1
    assert batches.close_batch(batch) == []


def test_every_reason_has_a_sentence() -> None:
    sentences = {batches.reason_sentence(reason) for reason in Reason}
    assert len(sentences) == len(Reason)
    assert all(sentence.endswith(".") for sentence in sentences)
