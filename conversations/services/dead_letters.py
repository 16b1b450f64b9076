"""Steps that failed for good: what there is, by cause; replay, or give up."""

from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from conversations.ledger.attempts import MOST_SENDS
from conversations.ledger.models import Attempt, Delivery, Event, Subscription
from conversations.models import Conversation

DEAD = Delivery.State.DEAD


def with_death(deliveries: QuerySet[Delivery]) -> QuerySet[Any]:
    """Deliveries with ``died_at``, ``last_exception`` and ``last_locations``: those of their last attempt."""
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    return deliveries.annotate(
        died_at=Subquery(last.values("ended_at")[:1]),
        last_exception=Subquery(last.values("exception")[:1]),
        last_locations=Subquery(last.values("locations")[:1]),
    )


def causes(dead: QuerySet[Delivery]) -> QuerySet[Any]:
    """Dead deliveries grouped by service and error: how many, since when, and the last one."""
    grouped = with_death(dead.filter(state=DEAD)).order_by().values("service", "error")
    return grouped.annotate(count=Count("id"), since=Min("died_at"), latest=Max("died_at")).order_by(
        "-count", "service", "error"
    )  # fmt: skip


def replay(dead: QuerySet[Delivery]) -> int:
    """Make dead deliveries due again, with fresh attempts; how many.

    Their calls are being processed again, except those that cannot complete because another step was given up.
    """
    with transaction.atomic():
        chosen = list(dead.filter(state=DEAD).order_by("id").select_for_update().values_list("id", "subject"))
        Delivery.objects.filter(id__in=[id for id, _ in chosen]).update(
            state=Delivery.State.PENDING, attempts=0, most_sends=F("sends") + MOST_SENDS, due_at=Now()
        )
        revive(Conversation.objects.filter(id__in={subject for _, subject in chosen}))
    return len(chosen)


def revive(calls: QuerySet[Conversation]) -> None:
    """Those of the calls that have failed are being processed again.

    One with another step that failed for good, whether given up or not, stays failed, for that: it cannot complete.
    """
    required = Subscription.objects.filter(required=True).values("service")
    over = (DEAD, Delivery.State.CANCELLED)
    answer = Event.objects.filter(causationid=OuterRef("event"), source=OuterRef("service"))
    ended = Delivery.objects.filter(~Exists(answer), correlationid=OuterRef("run"), state__in=over)
    other = ended.filter(service__in=required).order_by("-id")
    service, code = (Coalesce(Subquery(other.values(name)[:1]), Value("")) for name in ("service", "error"))
    status = Case(When(Exists(other), then=F("status")), default=Value(Conversation.Status.PROCESSING))
    calls.filter(status=Conversation.Status.FAILED).update(status=status, failure_service=service, failure_code=code)


def give_up(dead: QuerySet[Delivery]) -> int:
    """Cancel dead deliveries: they leave the list and are never tried again; how many. Their calls stay failed."""
    return dead.filter(state=DEAD).update(state=Delivery.State.CANCELLED, done_at=Now())
