"""How far a call is: one stage a service, read from what the ledger owes and has had answered."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Max
from django.db.models.functions import Now

from conversations import words
from conversations.ledger.models import Delivery, Event, Subscription
from conversations.ledger.retention import KEPT_DAYS_AT_LEAST
from conversations.models import Conversation

CASCADE = tuple(words.STAGES)
TELLING_SECONDS = 3.0  # of work, before which an estimate says little


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
    """One step of a call. ``progress_total`` is 0 when unknown; ``error`` is that of the last attempt, if it failed.
    ``read_at`` is the database's time when this was so; ``owed``: its work is yet to come, or going on.

    Of a step whose delivery has been pruned only the end is known: no start, no attempts.
    """

    service: str
    state: StageState = StageState.WAITING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    error: str = ""
    progress_done: float = 0.0
    progress_total: float = 0.0
    read_at: datetime | None = None
    owed: bool = False

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

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take if it goes on as it went; None before that can be told."""
        if self.state != StageState.RUNNING or self.started_at is None or self.read_at is None:
            return None
        elapsed = (self.read_at - self.started_at).total_seconds()
        if elapsed < TELLING_SECONDS or not 0 < self.progress_done <= self.progress_total:
            return None
        return elapsed * (self.progress_total - self.progress_done) / self.progress_done


def stages_of(conversation: Conversation) -> list[Stage]:
    """The stages of a call's current run, in the order of the cascade; those not yet owed are waiting."""
    return stages_of_many([conversation])[conversation.id]


def stages_of_many(conversations: Sequence[Conversation]) -> dict[UUID, list[Stage]]:
    """The stages of calls by their ids, in one query; of old runs in two: what no delivery tells of, the events do.

    Deliveries that ended long ago are pruned (``ledger/retention.py``); the events that answered them are not.
    """
    runs = {each.run: each for each in conversations}
    rows = (
        Delivery.objects.filter(correlationid__in=runs)
        .annotate(last_ended_at=Max("history__ended_at"), read_at=Now())
        .order_by("id")
        .values(
            "correlationid", "service", "state", "started_at", "done_at", "last_ended_at", "attempts", "error",
            "progress_done", "progress_total", "read_at",
        )
    )  # fmt: skip
    by_run: dict[UUID, dict[str, Stage]] = {run: {} for run in runs}
    for row in rows:
        by_run[row["correlationid"]][row["service"]] = stage_of(row)
    if lacking := [run for run, stages in by_run.items() if not stages.keys() >= set(CASCADE) and is_old(run)]:
        for run, stage in remembered(lacking):
            by_run[run].setdefault(stage.service, stage)
    for run, call in runs.items():  # a step that was given up, and has been forgotten since
        if call.status == Conversation.Status.FAILED and call.failure_service in CASCADE:
            by_run[run].setdefault(
                call.failure_service, Stage(service=call.failure_service, state=StageState.CANCELLED)
            )
    return {each.id: in_order(by_run[each.run].values()) for each in conversations}


def is_old(run: UUID) -> bool:
    """Whether a run began so long ago that deliveries of it may have been pruned; its id, a UUIDv7, says when."""
    return time.time() - (run.int >> 80) / 1000 > KEPT_DAYS_AT_LEAST * 86400


def remembered(runs: Iterable[UUID]) -> Iterator[tuple[UUID, Stage]]:
    """A stage for each answer of a service in these runs: done, and when; its start and attempts are forgotten."""
    said = Event.objects.filter(correlationid__in=runs, source__in=Subscription.objects.values("service"))
    for run, service, ended in said.order_by("recorded_at").values_list("correlationid", "source", "recorded_at"):
        yield run, Stage(service=service, state=StageState.DONE, ended_at=ended)


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
        read_at=row["read_at"],
        owed=state in (StageState.WAITING, StageState.RUNNING),
    )
