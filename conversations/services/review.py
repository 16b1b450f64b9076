"""Reviewing how a call was redacted: releasing it from quarantine, and saying that all of it was looked at."""

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from msgspec import structs

from conversations.ledger.recording import record
from conversations.models import Conversation, RedactionReview, User
from conversations.services.calls import initial
from pipeline.events import ConversationReleased

PERSON = "person"
"""The detector of what a person hid."""


class ReviewRefused(Exception):
    """Raised when a call cannot be released or checked now; the message says why."""


def release(conversation: Conversation, *, by: User, seen: str) -> None:
    """Find a quarantined call to be safe: it is open to all from now on. Twice is once. Raises ReviewRefused.

    ``seen`` is the SHA-256 of the audio that was listened to, player or master; if there is another by now, nothing
    is released.
    """
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)
        if now.status == Conversation.Status.COMPLETED and not now.quarantine:
            return
        if now.status != Conversation.Status.QUARANTINED:
            raise ReviewRefused(_("Only a quarantined call can be released, once all its steps are done."))
        if seen not in [(audio or {}).get("sha256") for audio in (now.player, now.master)]:
            raise ReviewRefused(_("The audio has been made again since you opened the page. Listen to it first."))
        review_of(now, by=by, checked=True)
        record(structs.replace(initial(now, ConversationReleased()), correlationid=str(now.run)))


def check(conversation: Conversation, *, by: User) -> None:
    """Say that all that is hidden in a call, and all that is not, was looked at. Raises ReviewRefused."""
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)
        if now.status not in (Conversation.Status.COMPLETED, Conversation.Status.QUARANTINED):
            raise ReviewRefused(_("The call is still being processed. Check it when that is done."))
        review_of(now, by=by, checked=True)


def review_of(conversation: Conversation, *, by: User, checked: bool = False) -> RedactionReview:
    """The review of the current run of a call that is locked, begun now if there is none.

    What it counts is what the detectors had hidden before the first correction, and stays so.
    """
    counts = conversation.redactions.exclude(detector=PERSON).order_by().values_list("label").annotate(Count("id"))
    review, created = RedactionReview.objects.get_or_create(
        conversation=conversation, run=conversation.run,
        defaults={
            "organization_id": conversation.organization_id, "hidden": dict(counts), "checked": checked,
            "reviewed_by": by,
        },
    )  # fmt: skip
    if not created:
        again = RedactionReview.objects.filter(id=review.id)
        again.update(reviewed_by=by, reviewed_at=Now(), checked=checked or review.checked)
    return review
