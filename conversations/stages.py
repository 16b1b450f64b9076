"""How far a call is: one stage a service, read from what the ledger owes and has had answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, QuerySet

from conversations import words
from conversations.ledger.models import Delivery, Event, Subscription
from conversations.models import Conversation

CASCADE = tuple(words.STAGES)


class StageState(StrEnum):
    """Where a stage stands, in the user's words."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATES = {
    Delivery.State.PENDING: StageState.WAITING,
    Delivery.State.SENT: StageState.WAITING,
    Delivery.State.RUNNING: StageState.RUNNING,
    Delivery.State.DONE: StageState.DONE,
    Delivery.State.DEAD: StageState.FAILED,
    Delivery.State.CANCELLED: StageState.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a call. ``progress_total`` is 0 when unknown; ``error`` is that of the last attempt, if it failed."""

    service: str
    state: StageState = StageState.WAITING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    error: str = ""
    progress_done: float = 0.0
    progress_total: float = 0.0

    @property
    def name(self) -> str:
        """What the step does, for people."""
        return words.stage_name(self.service)

    @property
    def sentence(self) -> str:
        """Why the last attempt failed, for people."""
        return words.failure_sentence(self.error, self.service) if self.error else ""

    @property
    def seconds(self) -> float | None:
        """How long its last attempt took, once it has ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max((self.ended_at - self.started_at).total_seconds(), 0.0)

    @property
    def progress(self) -> float:
        """How much is done, from 0 to 1."""
        if self.state == StageState.DONE:
            return 1.0
        return min(self.progress_done / self.progress_total, 1.0) if self.progress_total else 0.0


def stages_of(conversation: Conversation) -> list[Stage]:
    """The stages of a call's current run, in the order of the cascade; those not yet owed are waiting."""
    return stages_of_many([conversation])[conversation.id]


def stages_of_many(conversations: Sequence[Conversation]) -> dict[UUID, list[Stage]]:
    """The stages of calls by their ids, in one query."""
    rows = (
        Delivery.objects.filter(correlationid__in=[each.run for each in conversations])
        .annotate(last_ended_at=Max("history__ended_at"))
        .order_by("id")
        .values(
            "correlationid", "service", "state", "started_at", "done_at", "last_ended_at", "attempts", "error",
            "progress_done", "progress_total",
        )
    )  # fmt: skip
    by_run: dict[UUID, dict[str, Stage]] = {each.run: {} for each in conversations}
    for row in rows:
        by_run[row["correlationid"]][row["service"]] = stage_of(row)
    return {each.id: in_order(by_run[each.run].values()) for each in conversations}


def failed_steps() -> QuerySet[Delivery]:
    """The steps without which their call cannot complete, and which failed for good or were given up; of any run."""
    required = Subscription.objects.filter(required=True).values("service")
    answer = Event.objects.filter(causationid=OuterRef("event"), source=OuterRef("service"))
    ended = (Delivery.State.DEAD, Delivery.State.CANCELLED)
    return Delivery.objects.filter(~Exists(answer), state__in=ended, service__in=required)


def in_order(owed: Iterable[Stage]) -> list[Stage]:
    """The stages of the cascade, then those of services that joined it."""
    known = {stage.service: stage for stage in owed}
    cascade = [known.pop(service, Stage(service=service)) for service in CASCADE]
    return [*cascade, *known.values()]


def stage_of(row: dict[str, Any]) -> Stage:
    """The stage that a delivery tells of."""
    state = STATES[row["state"]]
    ended = row["done_at"] if state == StageState.DONE else row["last_ended_at"] if state == StageState.FAILED else None
    return Stage(
        service=row["service"],
        state=state,
        started_at=row["started_at"],
        ended_at=ended,
        attempts=row["attempts"],
        error=row["error"],
        progress_done=row["progress_done"],
        progress_total=row["progress_total"],
    )
