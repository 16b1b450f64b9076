"""Deleting raw data when its time has come, as each organization's setting says.

What is raw of a call is its recording, its raw transcript and its raw entities, of every run. Its key stays, since what
the sender said of it is sealed with it; what is anonymized stays. The time is counted from the first run that was
anonymized, so neither a quarantine nor processing it again puts it off. A call that has no redacted audio, since that
failed, is kept ``DAYS_TO_MEND`` at least: nothing but its raw data can mend it.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from msgspec import structs

from conversations.ledger.models import Delivery
from conversations.ledger.recording import record
from conversations.models import Conversation, Organization
from conversations.services.calls import initial
from pipeline.events import RawDataPurged
from pipeline.storage import StorageError, blob_store

log = logging.getLogger(__name__)
LOOK_SECONDS = 10.0
DAYS_TO_MEND = 30
SETTLED = (Conversation.Status.COMPLETED, Conversation.Status.QUARANTINED, Conversation.Status.FAILED)
AT_WORK = (Delivery.State.PENDING, Delivery.State.SENT, Delivery.State.RUNNING)


class PurgeFailed(Exception):
    """Raised when raw blobs are in the store after they were deleted. Nothing is recorded then."""


def due() -> Iterator[UUID]:
    """The calls whose raw data has been kept for as long as their organization wants, the oldest first."""
    for organization in Organization.objects.exclude(raw_days=None):
        kept = purgeable().filter(organization=organization, anonymized_at__lte=days_ago(organization.raw_days))
        mendable = Q(master__isnull=True, anonymized_at__gt=days_ago(DAYS_TO_MEND))
        yield from kept.exclude(mendable).order_by("anonymized_at").values_list("id", flat=True)


def purgeable() -> QuerySet[Conversation]:
    """The calls of which nothing raw is needed: none that is being processed, nor has words still to be hidden."""
    return Conversation.objects.filter(status__in=SETTLED, hiding=None, raw_purged_at=None)


def days_ago(days: int) -> CombinedExpression:
    """So many days before now."""
    return Now() - timedelta(days=days)


def purge(id: UUID) -> bool:
    """Delete the raw data of a call; False when there is now a reason not to. Raises PurgeFailed, StorageError.

    1. The call is locked, so nobody processes it again meanwhile. If it is being processed, it is left alone.
    2. Its raw blobs are deleted, then looked for. If any is there, nothing is recorded, and the next look tries again.
    3. RawDataPurged is said, from which the call knows since when.
    """
    with transaction.atomic():
        conversation = purgeable().filter(id=id).select_for_update(skip_locked=True).first()
        if conversation is None or Delivery.objects.filter(subject=id, state__in=AT_WORK).exists():
            return False
        blob_store().purge_raw(*conversation.place)
        if left := raw_blobs(conversation):
            raise PurgeFailed(f"{len(left)} raw blobs of call {id} are still in the store.")
        record(structs.replace(initial(conversation, RawDataPurged()), correlationid=str(conversation.run)))
    return True


def raw_blobs(conversation: Conversation) -> set[str]:
    """The keys of the raw blobs of a call that are in the store at this moment."""
    return {key for key in blob_store().blobs(*conversation.place) if key.startswith("raw/")}


def remains() -> Iterator[tuple[Conversation, set[str]]]:
    """Every call whose raw data was purged, with the raw blobs of it that are in the store for all that."""
    for conversation in Conversation.objects.exclude(raw_purged_at=None).order_by("id").iterator():
        yield conversation, raw_blobs(conversation)


class Purger:
    """Purges what is due, every few seconds, until stopped. Any number run side by side."""

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def run(self) -> None:
        """A database or a store that is away is waited for."""
        while not self.stopping.wait(LOOK_SECONDS):
            try:
                self.purge_due()
            except OperationalError as error:
                log.warning("purger: the database is away (%s)", type(error).__name__)
            finally:
                connection.close()

    def purge_due(self) -> None:
        """Purge every call that is due; one that cannot be purged now is tried again at the next look."""
        for id in list(due()):
            if self.stopping.is_set():
                return
            try:
                if purge(id):
                    log.info("purger: the raw data of call %s is deleted", id)
            except (PurgeFailed, StorageError) as error:
                log.warning("purger: the raw data of call %s is not deleted (%s)", id, type(error).__name__)
