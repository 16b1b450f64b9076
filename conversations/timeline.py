"""What happened to a call, by time: events, what was owed of them, each attempt, each failure, as one list.

The ledger keeps three tables; people and programs want one story. Moments are ordered by the database's time, and
where that is equal by cause: an event before what is owed of it, an attempt's start before its end, a cause before
what it caused.

Two moments have no time of their own in the ledger and are told from what it has. A delivery died when its last
attempt ended. The last replay of one is known by ``most_sends``, which it raises: the death is the end of the attempt
that was the last before it, and the replay stands where the next attempt was sent, or is due.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from conversations import words
from conversations.ledger.attempts import MOST_SENDS
from conversations.ledger.models import Attempt, Delivery, Event
from pipeline.events import ConversationFailed, ConversationReceived

State = Delivery.State
IN_FLIGHT, SUCCEEDED = "", "done"


class Kind(StrEnum):
    """What a moment is; of equal times the earlier named comes first."""

    RECORDED = "recorded"
    OWED = "owed"
    REPLAYED = "replayed"
    SENT = "sent"
    STARTED = "started"
    FAILED = "failed"
    ANSWERED = "answered"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


ORDER = {kind: place for place, kind in enumerate(Kind)}
ENDS = {State.DONE: Kind.DONE, State.DEAD: Kind.DEAD, State.CANCELLED: Kind.CANCELLED}
FAILURES = (Kind.FAILED, Kind.DEAD)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something that happened to a call.

    ``event`` was recorded, or is owed to ``service``; ``type`` is its class. Of an event ``service`` is who said it, of
    ConversationFailed the one that failed. ``attempt`` counts the sendings of a delivery from 1. ``error`` is a
    ``FailureCode``; ``exception`` the error's class, ``locations`` the code it went through (``module:line``).
    """

    at: datetime
    kind: Kind
    run: UUID
    event: UUID
    type: str
    service: str
    attempt: int | None = None
    error: str = ""
    exception: str = ""
    locations: Sequence[str] = ()

    @property
    def failure(self) -> bool:
        """Whether something went wrong."""
        return self.kind in FAILURES or self.said == ConversationFailed.__name__

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        if self.kind == Kind.RECORDED:
            return words.event_sentence(self.type, self.service)
        return words.moment_sentence(self.kind, self.service, self.attempt or 0)

    @property
    def why(self) -> str:
        """Why an attempt failed, for people; "" for all else."""
        return words.failure_sentence(self.error, self.service) if self.kind == Kind.FAILED else ""

    @property
    def said(self) -> str:
        """The class of the event that was recorded; "" for all else."""
        return self.type if self.kind == Kind.RECORDED else ""

    @property
    def names(self) -> list[str]:
        """The other technical names that belong to it, for who looks after the installation."""
        return [each for each in (self.service, self.error, self.exception, *self.locations) if each]


@dataclass(frozen=True, kw_only=True)
class Run:
    """The moments of one pass of the cascade, numbered from 1; ``last`` is the latest. Those left out are not here."""

    number: int
    id: UUID
    moments: Sequence[Moment]
    last: bool

    @property
    def begun_at(self) -> datetime:
        """When the first moment was that is here."""
        return self.moments[0].at

    @property
    def failures(self) -> int:
        """How many attempts failed."""
        return sum(each.kind == Kind.FAILED for each in self.moments)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A timeline for a page: runs with their moments, and how many earlier moments there are beside."""

    runs: Sequence[Run]
    earlier: int


def history_of(conversation: UUID) -> tuple[list[Event], list[Delivery]]:
    """The events of a call by time, and its deliveries with their attempts (``history``), in three queries."""
    attempts = Prefetch("history", Attempt.objects.order_by("number"))
    return (
        list(Event.objects.filter(subject=conversation).order_by("recorded_at", "id")),
        list(Delivery.objects.filter(subject=conversation).prefetch_related(attempts).order_by("id")),
    )


def moments_of(events: Sequence[Event], deliveries: Iterable[Delivery]) -> list[Moment]:
    """All moments of a call in order, from what ``history_of`` gives."""
    causes = {each.id: each.causationid for each in events}
    types = {each.id: each.type for each in events}
    depths = {id: depth_of(id, causes) for id in causes}
    moments = [recorded(each) for each in events]
    for delivery in deliveries:
        moments += moments_of_delivery(delivery, types.get(delivery.event_id, ""))

    def place(moment: Moment) -> tuple[datetime, int, UUID, bool, str, int, int]:
        owed = moment.kind != Kind.RECORDED
        depth, attempt = depths.get(moment.event, 0), moment.attempt or 0
        return moment.at, depth, moment.event, owed, moment.service if owed else "", attempt, ORDER[moment.kind]

    return sorted(moments, key=place)


def depth_of(event: UUID, causes: dict[UUID, UUID | None]) -> int:
    """How many events led to this one, as far as they are known. A circle, which nobody should say, ends too."""
    for depth in range(len(causes)):
        cause = causes.get(event)
        if cause is None:
            return depth
        event = cause
    return len(causes)


def recorded(event: Event) -> Moment:
    """The moment at which an event was recorded."""
    failed = event.data if event.type == ConversationFailed.__name__ else {}
    return Moment(
        at=event.recorded_at, kind=Kind.RECORDED, run=event.correlationid, event=event.id, type=event.type,
        service=failed.get("service", event.source), error=failed.get("code", ""),
    )  # fmt: skip


def moments_of_delivery(delivery: Delivery, type: str) -> Iterator[Moment]:
    """The moments of a delivery whose attempts are at hand in order; ``type`` is that of its event."""
    attempts = list(delivery.history.all())

    def moment(at: datetime, kind: Kind, attempt: int | None = None, **more: Any) -> Moment:
        return Moment(
            at=at, kind=kind, run=delivery.correlationid, event=delivery.event_id, type=type,
            service=delivery.service, attempt=attempt, **more,
        )  # fmt: skip

    yield moment(delivery.created_at, Kind.OWED)
    for each in attempts:
        yield moment(each.sent_at, Kind.SENT, each.number)
        if each.started_at:
            yield moment(each.started_at, Kind.STARTED, each.number)
        if each.outcome == SUCCEEDED:
            yield moment(each.ended_at or each.sent_at, Kind.ANSWERED, each.number)
        elif each.outcome != IN_FLIGHT:
            told = {"error": each.outcome, "exception": each.exception, "locations": tuple(each.locations)}
            yield moment(each.ended_at or each.sent_at, Kind.FAILED, each.number, **told)
    for replayed_at, last in replays(delivery, attempts):
        yield moment(last.ended_at or last.sent_at, Kind.DEAD, last.number, error=last.outcome)
        yield moment(replayed_at, Kind.REPLAYED, last.number + 1)
    if kind := ENDS.get(delivery.state):
        ended = (attempts[-1].ended_at or attempts[-1].sent_at) if attempts else delivery.created_at
        at = ended if kind == Kind.DEAD else delivery.done_at or ended
        yield moment(at, kind, delivery.sends or None, error=delivery.error if kind == Kind.DEAD else "")


def replays(delivery: Delivery, attempts: Sequence[Attempt]) -> Iterator[tuple[datetime, Attempt]]:
    """The last replay of a delivery, if it had one: when, and the attempt that it had died with."""
    sends_before = delivery.most_sends - MOST_SENDS
    by_number = {each.number: each for each in attempts}
    if last := by_number.get(sends_before):
        following = by_number.get(sends_before + 1)
        yield following.sent_at if following else delivery.due_at, last


def for_page(moments: Sequence[Moment], most: int) -> Timeline:
    """The latest moments, ``most`` of them, by run; of an attempt that ended its delivery only that it is done.

    What a person does to a call (a tag, an erasure) is a run of its own to the ledger; to people it happened during the
    run that had begun last.
    """
    done = {(each.event, each.service, each.attempt) for each in moments if each.kind == Kind.DONE}
    moments = [m for m in moments if m.kind != Kind.ANSWERED or (m.event, m.service, m.attempt) not in done]
    earlier = max(len(moments) - most, 0)
    runs: dict[UUID, list[Moment]] = {}
    shown: dict[UUID, list[Moment]] = {}
    latest: UUID | None = None
    for place, each in enumerate(moments):
        if each.said == ConversationReceived.__name__:
            latest = each.run
        run = each.run if each.run in runs or latest is None else latest
        runs.setdefault(run, []).append(each)
        if place >= earlier:
            shown.setdefault(run, []).append(each)
    numbers = {run: number for number, run in enumerate(runs, start=1)}
    return Timeline(
        runs=[
            Run(number=numbers[run], id=run, moments=shown[run], last=numbers[run] == len(runs))
            for run in runs if run in shown
        ],
        earlier=earlier,
    )  # fmt: skip
