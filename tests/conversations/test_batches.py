"""Batches of files: every file's fate, limits, names that stay sealed."""

from collections.abc import Callable

import pytest

from conversations.models import BatchItem, Conversation, User
from conversations.services import batches
from conversations.services.batches import Reason
from conversations.services.calls import details_of, erase
from pipeline.storage import StorageError, blob_store
from tests.conversations.batches import fates, receive
from tests.factories import make_user

pytestmark = pytest.mark.django_db

Outcome = BatchItem.Outcome


@pytest.fixture
def user() -> User:
    return make_user()


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
