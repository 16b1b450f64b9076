"""Database, blobs and keys set side by side: what differs is told, and what the ledger can mend is mended.

After a restore they are of different moments. Findings are told one by one, as they are found, by codes and ids.
"""

from collections.abc import Generator, Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from conversations.ledger.models import Event
from conversations.models import Conversation
from conversations.services import calls
from conversations.services.purging import raw_blobs
from conversations.services.superseded import blobs_in, keys_of, living_blobs
from pipeline.events import Blob, ConversationErased
from pipeline.sealing import KeyMissing, KeyUnusable
from pipeline.storage import BlobCorrupt, BlobMissing, BlobRefused, BlobStore, blob_store

Place = tuple[str, str]
"""Tenant and conversation, as the blob store wants them."""
IN_PROCESS = (Conversation.Status.RECEIVED, Conversation.Status.PROCESSING)


class ReconciliationRefused(Exception):
    """Raised when what was asked for would destroy more than anyone can want; the message is for the operator."""


class Code(StrEnum):
    """What is found, or done about it, in one word. ``SENTENCES`` has a sentence for each."""

    BLOB_MISSING = "blob_missing"
    BLOB_DAMAGED = "blob_damaged"
    BLOB_FETCHED = "blob_fetched"
    AUDIO_LOST = "audio_lost"
    RAW_PURGED = "raw_purged"
    RAW_LEFT = "raw_left"
    KEY_MISSING = "key_missing"
    KEY_UNUSABLE = "key_unusable"
    CALL_REPROCESSED = "call_reprocessed"
    CALL_ERASED = "call_erased"
    CALL_UNKNOWN = "call_unknown"
    LEFTOVERS_ERASED = "leftovers_erased"
    BLOB_UNREFERENCED = "blob_unreferenced"


SENTENCES: dict[Code, str] = {
    Code.BLOB_MISSING: "a blob that the call needs is not in the store",
    Code.BLOB_DAMAGED: "a blob that the call needs is not what its hash says",
    Code.BLOB_FETCHED: "that blob is taken from the backup",
    Code.AUDIO_LOST: "the recording is lost; what was made of it stays, and the call cannot be processed again",
    Code.RAW_PURGED: "cannot be processed again to mend that, since its recording was deleted as the settings say",
    Code.RAW_LEFT: "a raw blob of a call whose raw data was deleted; it is deleted again",
    Code.KEY_MISSING: "its key is gone, and no mark says that it was erased; the recording cannot be opened",
    Code.KEY_UNUSABLE: "PARLEY_MASTER_KEY does not open its key; nothing is mended",
    Code.CALL_REPROCESSED: "is processed again from its recording",
    Code.CALL_ERASED: "was erased after the backup, and is erased again",
    Code.CALL_UNKNOWN: "has blobs and no row: newer than the database, or just coming in; left for sweep_blobs",
    Code.LEFTOVERS_ERASED: "was erased; blobs of it were left, and are deleted",
    Code.BLOB_UNREFERENCED: "a blob that no event refers to; left for sweep_blobs",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that differs, or was done about it: ids and keys only. ``blob`` is a key ("" = the whole call)."""

    code: Code
    call: str
    blob: str = ""


class Reconciliation:
    """One comparison. ``calls`` and ``blobs`` count what has been looked at.

    ``dry_run``: nothing is changed. ``quick``: blobs are compared by size, not by hash. ``erase_keyless``: calls
    without a key are erased also where no mark says that they were. ``spare``: a copy of the blobs, such as that of a
    backup, from which missing and damaged ones are taken.
    """

    def __init__(
        self, *, dry_run: bool = False, quick: bool = False, erase_keyless: bool = False, spare: BlobStore | None = None
    ) -> None:
        self.dry_run, self.quick, self.erase_keyless, self.spare = dry_run, quick, erase_keyless, spare
        self.store = blob_store()
        self.calls = self.blobs = 0

    def run(self) -> Iterator[Finding]:
        """Look at every call, then at every folder of blobs. Raises ReconciliationRefused, StorageError."""
        if self.erase_keyless:
            self.refuse_lost_key_store()
        for id in Conversation.objects.order_by("id").values_list("id", flat=True).iterator():
            if conversation := Conversation.objects.filter(id=id).first():  # unless it was erased meanwhile
                self.calls += 1
                yield from self.look_at_call(conversation)
        for place in sorted(self.store.places()):
            yield from self.look_at_folder(*place)

    def refuse_lost_key_store(self) -> None:
        """Erase nobody for a key store that is lost, or that is looked for in the wrong place."""
        newest = Conversation.objects.order_by("-id").iterator()
        if all(self.key_of(*each.place) is not None for each in newest):
            raise ReconciliationRefused("No call has a key: the key store is lost, or PARLEY_KEY_URL is wrong.")

    def look_at_call(self, conversation: Conversation) -> Iterator[Finding]:
        """What is wrong with a call, and what is done about it.

        1. A call that is marked as erased is erased again, before all else.
        2. One without a key, or with one that does not open, is told.
        3. Blobs that it needs are read; bad ones are taken from the spare copy.
        4. If some stay bad, and the recording is whole and can be opened, the call is processed again.
        5. What is left or copied back of purged raw data is deleted.
        """
        call, place = str(conversation.id), conversation.place
        key = self.key_of(*place)
        if self.store.keys.erased(*place) or (self.erase_keyless and key == Code.KEY_MISSING):
            yield Finding(code=Code.CALL_ERASED, call=call)
            self.mend(calls.erase, conversation)
            return
        if key is not None:
            yield Finding(code=key, call=call)
        bad = yield from self.look_at_blobs(conversation)
        if conversation.raw_purged_at:
            yield from self.look_at_purged(conversation)
            if bad:
                yield Finding(code=Code.RAW_PURGED, call=call)
        elif conversation.audio.get("key") in bad:
            yield Finding(code=Code.AUDIO_LOST, call=call)
        elif bad and key is None:
            yield Finding(code=Code.CALL_REPROCESSED, call=call)
            self.mend(calls.reprocess, conversation)

    def look_at_blobs(self, conversation: Conversation) -> Generator[Finding, None, set[str]]:
        """Tell which blobs of a call are missing or damaged; the keys of those that stay so."""
        bad, call, place = set(), str(conversation.id), conversation.place
        for blob in needed(conversation):
            self.blobs += 1
            if (code := problem_of(self.store, blob, place, quick=self.quick)) is None:
                continue
            yield Finding(code=code, call=call, blob=blob.key)
            if self.spare is not None and problem_of(self.spare, blob, place) is None:
                yield Finding(code=Code.BLOB_FETCHED, call=call, blob=blob.key)
                if not self.dry_run:
                    self.store.adopt(blob.key, self.spare.stored(blob.key))
            else:
                bad.add(blob.key)
        return bad

    def look_at_purged(self, conversation: Conversation) -> Iterator[Finding]:
        """Delete what is raw of a call whose raw data was purged."""
        left = sorted(raw_blobs(conversation))
        for key in left:
            yield Finding(code=Code.RAW_LEFT, call=str(conversation.id), blob=key)
        if left and not self.dry_run:
            self.store.purge_raw(*conversation.place)

    def key_of(self, tenant: str, conversation: str) -> Code | None:
        """What is wrong with the key of a call."""
        try:
            self.store.keys.get(tenant, conversation)
        except KeyMissing:
            return Code.KEY_MISSING
        except KeyUnusable:
            return Code.KEY_UNUSABLE
        return None

    def mend(self, remedy: Any, conversation: Conversation) -> None:
        """Do what was said, unless the call is gone by now."""
        if not self.dry_run and (now := Conversation.objects.filter(id=conversation.id).first()):
            remedy(now)

    def look_at_folder(self, tenant: str, call: str) -> Iterator[Finding]:
        """Blobs that no event refers to, and what a call left that was erased."""
        keys = self.store.blobs(tenant, call)
        if not keys:
            return
        row = is_uuid(call) and Conversation.objects.filter(id=call).exists()
        if not row and self.was_erased(tenant, call):
            yield Finding(code=Code.LEFTOVERS_ERASED, call=call)
            if not self.dry_run:
                self.store.erase(tenant, call)
        elif not row:
            yield Finding(code=Code.CALL_UNKNOWN, call=call)
        else:
            for key in sorted(keys - keys_in_events(call)):
                yield Finding(code=Code.BLOB_UNREFERENCED, call=call, blob=key)

    def was_erased(self, tenant: str, call: str) -> bool:
        """Whether a call was erased: by its mark, or by its events."""
        said = Event.objects.filter(subject=call, type=ConversationErased.__name__) if is_uuid(call) else None
        return self.store.keys.erased(tenant, call) or (said is not None and said.exists())


def problem_of(store: BlobStore, blob: Blob, place: Place, *, quick: bool = False) -> Code | None:
    """What is wrong with a blob in a store. Raises StorageError for a store that is away."""
    try:
        store.verify(blob, *place, quick=quick)
    except BlobMissing:
        return Code.BLOB_MISSING
    except (BlobCorrupt, BlobRefused):
        return Code.BLOB_DAMAGED
    return None


def needed(conversation: Conversation) -> list[Blob]:
    """The blobs that a call cannot do without: its recording, what it shows, and what its run still works with.

    A completed call needs nothing raw but its recording, and no settings; one whose raw data was purged, nothing raw.
    One in process will replace what it shows. Blobs of earlier runs, and what corrections have replaced, are needed by
    nobody.
    """
    living = living_blobs(conversation.id)
    found = [(name, blob) for event, name, blob in living if event.correlationid == conversation.run]
    if conversation.status == Conversation.Status.COMPLETED:
        found = [(name, blob) for name, blob in found if blob.key.startswith("safe/") and name != "settings"]
    shown = () if conversation.status in IN_PROCESS else ("transcript", "master", "player", "peaks", "receipt")
    found += blobs_in({name: getattr(conversation, name) for name in ("audio", *shown)})
    blobs = {blob.key: blob for _, blob in found}
    return [blob for key, blob in blobs.items() if not (conversation.raw_purged_at and key.startswith("raw/"))]


def keys_in_events(conversation: str) -> set[str]:
    """The keys of all blobs that events of a conversation refer to, but for what corrections have replaced."""
    return keys_of(living_blobs(conversation)) if is_uuid(conversation) else set()


def is_uuid(text: str) -> bool:
    """Whether a folder's name is the id of a conversation."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
