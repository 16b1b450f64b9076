"""Blobs are whole or not there, belong to one conversation, and are sealed while raw."""

import errno
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

from pipeline import storage
from pipeline.config import Secret
from pipeline.events import Blob
from pipeline.sealing import KeyMissing, KeyStore, KeyUnusable, open_sealed, seal
from pipeline.storage import BlobCorrupt, BlobMissing, BlobRefused, BlobStore, StorageError, StorageFull

PLACE = "tenant", "conversation"
MEGABYTE = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(f"file://{tmp_path}/blobs", KeyStore(f"file://{tmp_path}/keys", Secret(b"k" * 32)))


def file_of(store: BlobStore, blob: Blob) -> Path:
    return Path(store.root) / blob.key


@pytest.mark.parametrize("size", [0, 1, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE])
@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_what_is_put_is_read(store: BlobStore, kind: str, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    blob = store.put(kind, *PLACE, [content[:1000], content[1000:]], "audio/wav")  # type: ignore[arg-type]
    assert store.read(blob, *PLACE) == content
    assert blob.key == f"{kind}/tenant/conversation/{blob.sha256}"
    assert file_of(store, blob).stat().st_size == blob.size


def test_raw_bytes_are_nowhere_on_the_disk(store: BlobStore, tmp_path: Path) -> None:
    store.put("raw", *PLACE, [b"my card number is"], "text/plain")
    assert not any(b"card" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [damage_flip, damage_truncate])
@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_damage_is_noticed(store: BlobStore, kind: str, damage: object) -> None:
    blob = store.put(kind, *PLACE, [b"x" * 100], "audio/wav")  # type: ignore[arg-type]
    damage(file_of(store, blob))  # type: ignore[operator]
    with pytest.raises(BlobCorrupt):
        store.read(blob, *PLACE)


def test_a_full_disk_is_said_and_leaves_neither_blob_nor_key(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    for kind in ("safe", "raw"):
        with pytest.raises(StorageFull):
            store.put(kind, *PLACE, [b"x" * 100], "audio/wav")  # type: ignore[arg-type]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_copy_that_there_is_no_room_for_is_said_to_be_that(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = store.put("raw", *PLACE, [b"x" * 100], "audio/wav")
    (tmp_path / "blob").symlink_to("/dev/full")
    monkeypatch.setattr(storage.tempfile, "TemporaryDirectory", lambda **_: nullcontext(tmp_path))
    with pytest.raises(StorageFull), store.local_copy(blob, *PLACE):
        pass


def test_a_missing_blob_is_said_to_be_missing(store: BlobStore) -> None:
    blob = store.put("safe", *PLACE, [b"x"], "audio/wav")
    file_of(store, blob).unlink()
    with pytest.raises(BlobMissing):
        store.read(blob, *PLACE)


FOREIGN_KEYS = [
    "raw/tenant/another/{sha}",
    "safe/another/conversation/{sha}",
    "safe/tenant/conversation/../../../etc/passwd",
    "/etc/passwd",
    "https://example.com/{sha}",
    "keys/tenant/conversation/{sha}",
    "",
]


@pytest.mark.parametrize("key", FOREIGN_KEYS)
def test_a_key_that_is_not_of_the_conversation_is_refused(store: BlobStore, key: str) -> None:
    blob = store.put("safe", *PLACE, [b"x"], "audio/wav")
    with pytest.raises(BlobRefused):
        store.read(msgspec.structs.replace(blob, key=key.format(sha=blob.sha256)), *PLACE)


def test_an_interrupted_write_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="errno 28"):
        store.put("safe", *PLACE, broken(), "audio/wav")
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_erasing_takes_the_key_and_every_blob(store: BlobStore, tmp_path: Path) -> None:
    raw = store.put("raw", *PLACE, [b"secret"], "audio/wav")
    copy = file_of(store, raw).read_bytes()
    store.erase(*PLACE)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["conversation.erased"]
    file_of(store, raw).parent.mkdir(parents=True)
    file_of(store, raw).write_bytes(copy)  # as from a backup
    with pytest.raises(KeyMissing):
        store.read(raw, *PLACE)


@pytest.mark.parametrize("master_key", [b"", b"another".ljust(32)])
def test_without_the_right_master_key_nothing_opens(store: BlobStore, tmp_path: Path, master_key: bytes) -> None:
    raw = store.put("raw", *PLACE, [b"secret"], "audio/wav")
    other = BlobStore(f"file://{tmp_path}/blobs", KeyStore(f"file://{tmp_path}/keys", Secret(master_key)))
    with pytest.raises(KeyUnusable, match="PARLEY_MASTER_KEY"):
        other.read(raw, *PLACE)


def test_of_two_that_make_a_key_the_first_wins(store: BlobStore) -> None:
    first = store.keys.get_or_create(*PLACE)
    store.keys._create(store.keys._path("tenant", "another"), b"0" * 60)
    with pytest.raises(FileExistsError):
        store.keys._create(store.keys._path(*PLACE), b"0" * 60)
    assert store.keys.get_or_create(*PLACE).value == first.value


@pytest.mark.parametrize("cut", [0, 10, 24, 30, MEGABYTE + 40])
def test_a_sealed_stream_cut_anywhere_does_not_open(cut: int) -> None:
    key = Secret(b"d" * 32)
    sealed = b"".join(seal([b"x" * (2 * MEGABYTE)], key))
    with pytest.raises(BlobCorrupt):
        b"".join(open_sealed([sealed[:cut]], key, BlobCorrupt))


def test_chunks_of_a_sealed_stream_cannot_change_places() -> None:
    key, piece = Secret(b"d" * 32), MEGABYTE + 16
    sealed = b"".join(seal([b"a" * MEGABYTE + b"b" * MEGABYTE + b"c"], key))
    swapped = sealed[:24] + sealed[24 + piece : 24 + 2 * piece] + sealed[24 : 24 + piece] + sealed[24 + 2 * piece :]
    with pytest.raises(BlobCorrupt):
        b"".join(open_sealed([swapped], key, BlobCorrupt))


def test_a_secret_does_not_show() -> None:
    assert "dddd" not in repr(Secret(b"dddd"))


def test_a_memo_is_kept_until_it_is_forgotten(store: BlobStore) -> None:
    assert store.recall(*PLACE, "event", "service") is None
    store.memoize(*PLACE, "event", "service", b"[]")
    assert store.recall(*PLACE, "event", "service") == b"[]"
    store.forget(*PLACE, "event", "service")
    assert store.recall(*PLACE, "event", "service") is None


def test_an_erased_conversation_never_has_a_key_again(store: BlobStore) -> None:
    store.put("raw", *PLACE, [b"secret"], "audio/wav")
    assert not store.keys.erased(*PLACE)
    store.erase(*PLACE)
    store.erase(*PLACE)
    assert store.keys.erased(*PLACE)
    with pytest.raises(KeyMissing):
        store.put("raw", *PLACE, [b"from a worker that came late"], "audio/wav")


def test_a_blob_is_copied_as_it_is_stored(store: BlobStore, tmp_path: Path) -> None:
    raw = store.put("raw", *PLACE, [b"secret"], "audio/wav")
    copy = BlobStore(f"file://{tmp_path}/copy", store.keys)
    assert copy.adopt(raw.key, store.stored(raw.key)) == raw.size
    copy.verify(raw, *PLACE)
    assert copy.read(raw, *PLACE) == b"secret"


def test_a_damaged_blob_is_not_copied(store: BlobStore, tmp_path: Path) -> None:
    blob = store.put("safe", *PLACE, [b"whole"], "audio/wav")
    file_of(store, blob).write_bytes(b"whale")
    copy = BlobStore(f"file://{tmp_path}/copy", store.keys)
    with pytest.raises(BlobCorrupt):
        copy.adopt(blob.key, store.stored(blob.key))
    with pytest.raises(BlobCorrupt):
        copy.adopt(blob.key, [b"other bytes"])
    assert copy.places() == set()
    store.verify(blob, *PLACE, quick=True)
    with pytest.raises(BlobCorrupt):
        store.verify(blob, *PLACE)


@pytest.mark.parametrize("size", [0, 1, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE])
def test_a_sealed_blob_is_read_from_any_offset(store: BlobStore, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    blob = store.put("raw", *PLACE, [content], "audio/wav")
    with store.open_raw(blob, *PLACE) as file:
        assert file.size == size
        for start in sorted({0, 1, size // 2, MEGABYTE - 1, MEGABYTE, max(0, size - 5), size, size + 9}):
            file.seek(start)
            read = b"".join(iter(lambda: file.read(700_000), b""))
            assert read == content[start:], start


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damage_to_a_sealed_blob_is_noticed_at_the_chunk_that_has_it(store: BlobStore, damage: str) -> None:
    blob = store.put("raw", *PLACE, [b"x" * (2 * MEGABYTE)], "audio/wav")
    stored = bytearray(file_of(store, blob).read_bytes())
    if damage == "flipped":
        stored[-1] ^= 1
        file_of(store, blob).write_bytes(stored)
        with store.open_raw(blob, *PLACE) as file:
            assert file.read(9) == b"x" * 9
            file.seek(MEGABYTE)
            with pytest.raises(BlobCorrupt):
                file.read(9)
    else:
        file_of(store, blob).write_bytes(stored[: MEGABYTE + 40])  # whole chunks only, and not the last
        with pytest.raises(BlobCorrupt):
            store.open_raw(blob, *PLACE)
        shorter = msgspec.structs.replace(blob, size=MEGABYTE + 40)  # whose record was altered too
        with store.open_raw(shorter, *PLACE) as file, pytest.raises(BlobCorrupt):
            file.read(9)


def test_a_safe_blob_is_not_opened_as_a_raw_one(store: BlobStore) -> None:
    blob = store.put("safe", *PLACE, [b"in the clear, and longer than a header and a tag"], "audio/wav")
    store.keys.get_or_create(*PLACE)
    with pytest.raises(BlobCorrupt):
        store.open_raw(blob, *PLACE)


def test_purging_what_is_raw_leaves_what_is_safe_and_the_key(store: BlobStore) -> None:
    raw = store.put("raw", *PLACE, [b"spoken"], "audio/wav")
    safe = store.put("safe", *PLACE, [b"hidden"], "audio/wav")
    store.memoize(*PLACE, "event", "transcription", b"points to the raw blob")
    other = store.put("raw", "tenant", "other", [b"of another call"], "audio/wav")
    store.purge_raw(*PLACE)
    assert store.blobs(*PLACE) == {safe.key}
    assert store.recall(*PLACE, "event", "transcription") is None
    assert store.keys.get(*PLACE)
    assert store.read(other, "tenant", "other") == b"of another call"
    with pytest.raises(BlobMissing):
        store.open_raw(raw, *PLACE)
    store.purge_raw(*PLACE)  # again, as after a crash
