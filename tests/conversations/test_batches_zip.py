"""Zips good and bad in a batch."""

import io
import random
import stat
import zipfile
from collections.abc import Callable

import msgspec
import pytest

from conversations.models import BatchItem, Conversation, User
from conversations.services.batches import Reason
from pipeline.events import Blob
from pipeline.storage import blob_store
from tests.conversations.batches import fates, receive, zip_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db

Outcome = BatchItem.Outcome


@pytest.fixture
def user() -> User:
    return make_user()


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


def test_the_files_of_a_zip_are_calls_and_what_systems_leave_is_skipped(user: User) -> None:
    content = zip_of(
        ("june/", b""), ("june/a.wav", b"one"), ("__MACOSX/june/._a.wav", b"x"), ("june/.DS_Store", b"x"),
        ("june/Thumbs.db", b"x"), (".hidden/b.wav", b"x"), ("b.wav", b"two"),
    )  # fmt: skip
    assert fates(receive(user, ("june.zip", content))) == [
        ("june.zip › june/a.wav", "accepted", ""), ("june.zip › b.wav", "accepted", ""),
    ]  # fmt: skip


def test_the_files_of_a_zip_and_those_beside_it_keep_their_kind_of_audio(user: User) -> None:
    batch = receive(user, ("c.ulaw", b"three"), ("june.zip", zip_of(("june/a.gsm", b"one"), ("b.mp3", b"two"))))
    kinds = {call.audio["media_type"] for call in Conversation.objects.of(user.organization).filter(batch=batch)}
    assert kinds == {"audio/GSM", "audio/PCMU", "application/octet-stream"}


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
