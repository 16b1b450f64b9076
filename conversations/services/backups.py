"""Backup and restore: a folder with a dump of the database, a copy of the blobs, and a manifest that makes it whole.

``FOLDER/manifest.json`` names ``FOLDER/database-….dump`` with its hash; the blobs lie under ``FOLDER/blobs``. It is
renamed into place last, so what has no manifest, or another dump than it says, is no backup. The key store and the
master key are never in it.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from conversations.ledger.models import Event
from conversations.models import Conversation
from conversations.services import dumps
from conversations.services.reconciliation import keys_in_events
from pipeline.events import ConversationErased
from pipeline.records import rfc3339
from pipeline.sealing import sync_folders
from pipeline.storage import BlobCorrupt, BlobMissing, BlobStore, blob_store, iter_chunks, write_synced

FORMAT = 1


class BackupRefused(Exception):
    """Raised when a folder is no whole backup, or nothing may be written where it was asked for; for the operator."""


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """The file with the database, by its name in the folder. ``size`` in bytes, ``sha256`` in hex."""

    file: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``time`` is that of the database; ``blobs`` counts those in the folder."""

    format: int
    time: str
    installation: str
    migrations: tuple[str, ...]
    calls: int
    events: int
    blobs: int
    dump: Dump


class Copied(msgspec.Struct, kw_only=True):
    """What became of blobs on their way from one store to another: how many, ``size`` in bytes, ``damaged`` by key."""

    there: int = 0
    copied: int = 0
    size: int = 0
    dropped: int = 0
    damaged: list[str] = []


# ── Backup ───────────────────────────────────────────────────────────────────────────────────────────────────────


def back_up(folder: Path) -> tuple[Manifest, Copied]:
    """Write a backup into a folder, or bring the one in it up to date. Raises BackupRefused, DumpFailed, StorageError.

    1. The database first: whatever blob it names is in the store already, and blobs never change.
    2. Then the blobs that the folder has not; those of erased calls leave it.
    3. Then the manifest, by a rename. Before it the last backup counts, after it this one.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone_in(folder):
        refuse_another_installation(folder)
        time = datetime.now(UTC)
        dump, counts = dump_into(folder, f"database-{time:%Y%m%dT%H%M%S.%fZ}.dump")
        copied = copy_missing(blob_store(), copy_in(folder))
        copied.dropped = drop_what_is_gone(blob_store(), copy_in(folder))
        manifest = Manifest(
            format=FORMAT, time=rfc3339(time), installation=installation(), migrations=migrations(),
            calls=counts.calls, events=counts.events, blobs=size_of(copy_in(folder)), dump=dump,
        )  # fmt: skip
        write_whole(folder / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        for other in folder.glob("database-*"):
            if other.name != dump.file:  # of the last backup, or of one that was cut off
                other.unlink()
    return manifest, copied


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other backups out of the folder: each would delete the other's dump. Raises BackupRefused."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused("Another backup is being written to this folder.") from None
        yield


def refuse_another_installation(folder: Path) -> None:
    """Keep a backup from being overwritten by an empty new database, or by one that was set back in time."""
    if not (folder / "manifest.json").exists():
        return
    last = read_manifest(folder)
    if last.installation != installation():
        raise BackupRefused("This folder holds the backup of another database. Choose another folder.")
    if last.events > dumps.count().events:  # events are only ever added
        raise BackupRefused("The backup in this folder is newer than the database. Choose another folder.")


def dump_into(folder: Path, name: str) -> tuple[Dump, dumps.Counts]:
    """Dump the database to a file that is whole and synced once it has its name."""
    partial = folder / f"{name}.partial"
    partial.touch(mode=0o600)
    counts = dumps.dump(partial)
    dump = described(partial, name)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.rename(folder / name)
    sync_folders(folder, folder)
    return dump, counts


def described(path: Path, name: str) -> Dump:
    """A dump's size and hash, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter_chunks(file):
            digest.update(chunk)
    return Dump(file=name, size=path.stat().st_size, sha256=digest.hexdigest())


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    write_synced(partial, [content])
    partial.rename(path)
    sync_folders(path.parent, path.parent)


def installation() -> str:
    """What tells one database from another, and goes with it into its backup: when its first migration ran."""
    first = MigrationRecorder.Migration.objects.order_by("applied", "id").first()
    return rfc3339(first.applied) if first else ""


def migrations() -> tuple[str, ...]:
    """The migrations that the database has."""
    return tuple(sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()))


def copy_in(folder: Path) -> BlobStore:
    """The copy of the blobs in a backup, as a store of its own. It has no keys, so it opens nothing raw."""
    return BlobStore(f"file://{folder.absolute()}/blobs", blob_store().keys)


def size_of(store: BlobStore) -> int:
    """How many blobs a store has."""
    return sum(len(store.blobs(*place)) for place in store.places())


def copy_missing(source: BlobStore, target: BlobStore) -> Copied:
    """Copy what the target has not, but for erased calls and raw data that was purged.

    A blob that is damaged or just gone is left out.
    """
    result, purged = Copied(), purged_calls()
    for place in sorted(source.places()):
        if source.keys.erased(*place):
            continue
        there = target.blobs(*place)
        for key in sorted(source.blobs(*place)):
            if place[1] in purged and key.startswith("raw/"):
                continue
            if key in there:
                result.there += 1
                continue
            try:
                result.size += target.adopt(key, source.stored(key))
                result.copied += 1
            except BlobCorrupt:
                result.damaged.append(key)
            except BlobMissing:  # erased or swept since it was listed
                continue
    return result


def drop_what_is_gone(source: BlobStore, target: BlobStore) -> int:
    """Delete from a backup the blobs of erased calls, purged raw data, and what was swept; how many.

    What the store lost by accident stays: an event names it.
    """
    dropped, purged = 0, purged_calls()
    mark_erased(source)
    for place in target.places():
        there = target.blobs(*place)
        if source.keys.erased(*place):
            gone = there
        else:
            gone = there - source.blobs(*place)
            gone = gone and gone - keys_in_events(place[1])
            gone |= {key for key in there if place[1] in purged and key.startswith("raw/")}
        for key in gone:
            target.remove(key)
        dropped += len(gone)
    return dropped


def purged_calls() -> set[str]:
    """The ids of the calls whose raw data was purged, as the database knows."""
    return {str(id) for id in Conversation.objects.exclude(raw_purged_at=None).values_list("id", flat=True)}


def mark_erased(store: BlobStore) -> None:
    """See to it that every call that was erased is marked so where no restore reaches; some were before marks were."""
    erased = Event.objects.filter(type=ConversationErased.__name__).values_list("tenant", "subject")
    for tenant, subject in erased.iterator():
        if not store.keys.erased(str(tenant), str(subject)):
            store.keys.erase(str(tenant), str(subject))


# ── Restore ──────────────────────────────────────────────────────────────────────────────────────────────────────


def restore(folder: Path, *, replace: bool = False, without_keys: bool = False) -> tuple[Manifest, Copied]:
    """Put database and blobs back as a backup has them. Raises BackupRefused, DumpFailed, StorageError.

    1. Nothing is touched unless the backup is whole, this Parley can read it, the key store is there to say who was
       erased since (or ``without_keys``), and the database is free and empty (or may be replaced).
    2. The database is filled in one transaction, and brought to the migrations of this Parley.
    3. The blobs that the store has not are copied, but for those of calls erased since.

    What then still differs is for ``reconciliation`` to mend.
    """
    manifest = read_manifest(folder)
    check(folder, manifest)
    if manifest.calls and not without_keys and blob_store().keys.empty():
        raise BackupRefused(
            "The key store is empty, so nobody can tell which calls were erased since the backup. Set PARLEY_KEY_URL; "
            "if the keys are lost for good, say --without-keys."
        )
    refuse_database(replace)
    if not dumps.is_empty():
        dumps.clear()
    counts = dumps.load(folder / manifest.dump.file)
    if counts != (manifest.calls, manifest.events):
        raise BackupRefused("The database does not hold what the manifest says. Do not use it.")
    call_command("migrate", interactive=False, verbosity=0)
    return manifest, copy_missing(copy_in(folder), blob_store())


def read_manifest(folder: Path) -> Manifest:
    """What a folder says that it holds. Raises BackupRefused."""
    try:
        return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupRefused("This folder holds no whole backup: it has no manifest.json.") from None
    except msgspec.DecodeError:
        raise BackupRefused("This folder holds no whole backup: its manifest.json cannot be read.") from None


def check(folder: Path, manifest: Manifest) -> None:
    """Return if the dump is whole, and this Parley can read it. Raises BackupRefused, DumpFailed."""
    path = folder / manifest.dump.file
    if not path.exists() or described(path, path.name) != manifest.dump:
        raise BackupRefused("This folder holds no whole backup: its dump is not the one that the manifest says.")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if manifest.format > FORMAT or not set(manifest.migrations) <= known:
        raise BackupRefused("The backup was made by a newer Parley. Restore it with that one.")
    dumps.check_readable(path)


def refuse_database(replace: bool) -> None:
    """Return if the database may be filled. Raises BackupRefused."""
    if others := dumps.others():
        raise BackupRefused(f"{others} connections of other processes use the database. Stop web, ledger and workers.")
    if not replace and not dumps.is_empty():
        raise BackupRefused("The database is not empty. To drop all that is in it, say --replace.")
