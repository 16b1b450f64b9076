"""The items of a batch: what became of each file, written the moment it is known, its name sealed."""

from typing import TypeVar

import msgspec
from django.db import transaction
from django.db.models import Max

from conversations.models import Batch, BatchItem, Conversation
from pipeline.config import Secret
from pipeline.sealing import KeyMissing, open_sealed, seal
from pipeline.storage import BlobCorrupt, blob_store

T = TypeVar("T")
LONGEST_NAME = 500


class FileName(msgspec.Struct, frozen=True):
    """What a file was called, and the zip that it lay in ("" = in none)."""

    name: str
    archive: str = ""

    def __str__(self) -> str:
        return f"{self.archive} › {self.name}" if self.archive else self.name


def note_item(
    batch: Batch, file: FileName, outcome: BatchItem.Outcome, *, reason: str = "", line: int | None = None,
    conversation: Conversation | None = None,
) -> BatchItem:  # fmt: skip
    """Write down what became of a file. Files that come at the same time get places one after the other."""
    name = FileName(file.name[:LONGEST_NAME], file.archive[:LONGEST_NAME])
    sealed = sealed_for(batch, conversation, msgspec.json.encode(name))
    with transaction.atomic():
        Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        last = batch.items.aggregate(last=Max("position"))["last"] or 0
        return BatchItem.objects.create(
            batch=batch, position=last + 1, outcome=outcome, conversation=conversation, reason=reason, line=line,
            sealed_name=sealed,
        )  # fmt: skip


def file_name_of(item: BatchItem) -> FileName | None:
    """What a file was called; None once its call has been erased. For eyes with the permission."""
    key = item.conversation_id or item.batch_id
    try:
        secret = blob_store().keys.get(str(item.batch.organization_id), str(key))
        return msgspec.json.decode(b"".join(open_sealed([bytes(item.sealed_name)], secret, BlobCorrupt)), type=FileName)
    except (KeyMissing, BlobCorrupt):  # sealed with the key of a call that is gone
        return None


def sealed_for(batch: Batch, conversation: Conversation | None, data: bytes) -> bytes:
    """Bytes under the key of a call, or else of the batch."""
    return b"".join(seal([data], key_of(batch, conversation)))


def key_of(batch: Batch, conversation: Conversation | None = None) -> Secret:
    """The data key of a call, or else of the batch."""
    owner = batch if conversation is None else conversation
    return blob_store().keys.get_or_create(str(batch.organization_id), str(owner.pk))
