"""Steps that failed for good: what there is, by cause; replay, or give up."""

from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Min, QuerySet
from django.db.models.functions import Now

from conversations.ledger.attempts import MOST_SENDS
from conversations.ledger.models import Delivery
from conversations.models import Conversation
from conversations.stages import failed_steps

DEAD = Delivery.State.DEAD


def causes(dead: QuerySet[Delivery]) -> QuerySet[Any]:
    """Dead deliveries grouped by service and error: how many, since when, and the last one."""
    grouped = dead.filter(state=DEAD).order_by().values("service", "error")
    return grouped.annotate(
        count=Count("id", distinct=True), since=Min("history__ended_at"), latest=Max("history__ended_at")
    ).order_by("-count", "service", "error")  # fmt: skip


def replay(dead: QuerySet[Delivery]) -> int:
    """Make dead deliveries due again, with fresh attempts; how many.

    Their calls are being processed again, except those that cannot complete because another step was given up.
    """
    with transaction.atomic():
        chosen = list(dead.filter(state=DEAD).order_by("id").select_for_update().values_list("id", "subject"))
        Delivery.objects.filter(id__in=[id for id, _ in chosen]).update(
            state=Delivery.State.PENDING, attempts=0, most_sends=F("sends") + MOST_SENDS, due_at=Now()
        )
        subjects = {subject for _, subject in chosen}
        hopeless = failed_steps().filter(subject__in=subjects).values("correlationid")
        Conversation.objects.filter(id__in=subjects, status=Conversation.Status.FAILED).exclude(
            run__in=hopeless
        ).update(status=Conversation.Status.PROCESSING, failure_service="", failure_code="")
    return len(chosen)


def give_up(dead: QuerySet[Delivery]) -> int:
    """Cancel dead deliveries: they leave the list and are never tried again; how many. Their calls stay failed."""
    return dead.filter(state=DEAD).update(state=Delivery.State.CANCELLED)
