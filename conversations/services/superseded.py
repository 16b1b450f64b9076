"""What corrections have replaced: documents and audio that hold words which a person has hidden since.

The events that name them stay, for they tell what happened; the bytes go, as soon as what replaces them is there, and
else with the next ``sweep_blobs``. A backup that goes on drops them as well.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from conversations.joins import ANONYMIZED, CORRECTED, SWAPPED
from conversations.ledger.models import Event
from conversations.models import Conversation
from pipeline.events import Blob
from pipeline.storage import blob_store

SETTLED = (Conversation.Status.COMPLETED, Conversation.Status.QUARANTINED)
BASE = ("audio", "transcript", "entities")


def blobs_in(data: dict[str, Any]) -> list[tuple[str, Blob]]:
    """The blobs among the fields of an event or a row, each with the field's name."""
    fields = [(name, value) for name, value in data.items() if isinstance(value, dict) and "key" in value]
    return [(name, msgspec.convert(value, Blob)) for name, value in fields]


def living_blobs(conversation: UUID | str) -> list[tuple[Event, str, Blob]]:
    """The blobs that events of a call name and that nothing has replaced, each with its event and field."""
    said = Event.objects.filter(subject=conversation).order_by("correlationid", "recorded_at", "id")
    row = Conversation.objects.filter(id=conversation).only("run", "status").first()
    living = []
    for run, told in groupby(said, key=lambda each: each.correlationid):
        over = row is not None and (run != row.run or row.status in SETTLED)
        living += living_in(list(told), over=over)
    return living


def living_in(run: Sequence[Event], *, over: bool) -> list[tuple[Event, str, Blob]]:
    """Those of one run, whose events are in order.

    ``over``: all that was to be made in it is there, so that what was safe already when it was corrected is of no use.
    """
    gone = superseded(run)
    corrected = any(each.type == CORRECTED for each in run)
    living = []
    for event in (each for each in run if each.id not in gone):
        used_up = corrected and over and event.type in (CORRECTED, ANONYMIZED)
        names = BASE if event.type == CORRECTED else ("audio",)
        for name, blob in blobs_in(event.data):
            if not (used_up and name in names and blob.key.startswith("safe/")):
                living.append((event, name, blob))
    return living


def superseded(run: Sequence[Event]) -> set[UUID]:
    """The events of a run that a correction made void: transcripts of before, with what was made of them.

    None while the transcript of the latest correction is still to come: until then those of before are worked with.
    """
    corrections = [each.id for each in run if each.type == CORRECTED]
    newest = [each for each in run if each.type == ANONYMIZED and corrections and each.causationid == corrections[-1]]
    if not newest:
        return set()
    before = {
        each.id for each in run
        if (each.type == ANONYMIZED and each.id != newest[-1].id)
        or (each.type == SWAPPED and each.recorded_at < newest[-1].recorded_at)
    }  # fmt: skip
    return before | {each.id for each in run if each.causationid in before}


def discard_superseded(tenant: str, conversation: str) -> None:
    """Delete the bytes of what was replaced in a call. Raises StorageError."""
    named = {blob.key for event in Event.objects.filter(subject=conversation) for _, blob in blobs_in(event.data)}
    store = blob_store()
    for key in (named & store.blobs(tenant, conversation)) - keys_of(living_blobs(conversation)):
        store.remove(key)


def keys_of(living: Iterable[tuple[Event, str, Blob]]) -> set[str]:
    """The keys of blobs; two events that name the same bytes name the same key."""
    return {blob.key for _, _, blob in living}
