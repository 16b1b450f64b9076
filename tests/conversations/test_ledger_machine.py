"""Whatever happens, in whatever order, the ledger's laws hold, and in the end every call is completed or has failed.

Hypothesis makes up stories of calls, workers and disasters, and shortens one that breaks a law. ``LEDGER_STORIES``
is how many (CONTRIBUTING.md, "Commands"); without it they are the same few each time.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import OperationalError, transaction
from django.db.models import DateTimeField, Func, QuerySet
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conversations.ledger import attempts
from conversations.ledger.models import Delivery, Subscription
from conversations.ledger.models import Event as LedgerEvent
from conversations.ledger.registration import switch
from conversations.models import Conversation
from conversations.services import calls, dead_letters
from pipeline.events import Event, ProgressReported, ServiceFailed, ServiceRegistered
from pipeline.records import Record, from_wire, rfc3339
from tests.conversations.ledger_laws import IN_FLIGHT, Moment, check_history, check_moment
from tests.conversations.ledger_world import STRANGERS, Message, Outage, World
from tests.factories import make_organization

STORIES = os.environ.get("LEDGER_STORIES")
MOST_CALLS, ROUNDS_TO_END = 4, 80
pytestmark = pytest.mark.django_db

places = st.integers(min_value=0, max_value=20)
few = st.integers(min_value=1, max_value=4)
seconds = st.sampled_from([1, 6, 40])
codes = st.sampled_from(["crashed", "audio_unreadable", "language_unsupported"])
services = st.sampled_from(
    ["transcription", "entity_tagging", "audio_redaction", "qualification", "archive", "visitor"]
)
heard = st.sampled_from(["ConversationReceived", "TranscriptAnonymized", "ConversationFailed"])
since_seconds = st.sampled_from([None, 3, 50, 10_000])


class ClockNow(Func):
    """This very moment; Django's ``Now`` is when the transaction began."""

    function, output_field = "clock_timestamp", DateTimeField()


def says(record: Record, kind: type[Event]) -> bool:
    """Whether a record is of a type."""
    return isinstance(record.data, kind)


class Story(RuleBasedStateMachine):
    """A ledger, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.story = transaction.atomic()  # rolled back at its end: a clean ledger with its five subscriptions
        self.story.__enter__()
        self.handled = sys.exc_info()[1]
        self.world = World()
        self.organizations = [make_organization(), make_organization()]
        self.parked, self.steady, self.unheard = 0, 0.0, 0.0
        self.permanent: set[tuple[UUID, str, int]] = set()
        self.known: set[UUID] = set()
        self.owed: set[tuple[UUID, str]] = set()
        self.before = Moment.now()

    @initialize()
    def begin(self) -> None:
        """There is a call, and a ledger that listens."""
        self.world.receive(self.organizations[0], Conversation.Lane.INTERACTIVE)
        attempts.note_caught_up()

    # ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: len(self.before.calls) < MOST_CALLS)
    @rule(whose=st.sampled_from([0, 1]), lane=st.sampled_from(Conversation.Lane))
    def a_call_comes_in(self, whose: int, lane: Conversation.Lane) -> None:
        self.world.receive(self.organizations[whose], lane)

    @rule(place=places)
    def a_call_is_retried(self, place: int) -> None:
        call = self.call(place)
        calls.retry(call.organization, [call.id])

    @rule(place=places)
    def a_call_is_reprocessed(self, place: int) -> None:
        calls.reprocess(self.call(place))

    @precondition(lambda self: any(row["state"] == "dead" for row in self.before.deliveries.values()))
    @rule(place=places)
    def a_step_is_given_up(self, place: int) -> None:
        dead = [id for id, row in sorted(self.before.deliveries.items()) if row["state"] == "dead"]
        assert dead_letters.give_up(Delivery.objects.filter(id=dead[place % len(dead)])) == 1

    def call(self, place: int) -> Conversation:
        """One of the calls."""
        return Conversation.objects.order_by("id")[place % len(self.before.calls)]

    # ── The relay ────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(crashing=st.sampled_from([False, False, True]))
    def the_relay_sends(self, crashing: bool) -> None:
        due = Delivery.objects.filter(state="pending", due_at__lte=ClockNow())
        urgent = {(row.id, row.service) for row in due if row.lane == Conversation.Lane.INTERACTIVE}
        self.world.relay.crashing = crashing
        self.world.relay.relay_once()
        self.world.relay.crashing = False
        self.check_sent(urgent)

    def check_sent(self, urgent: set[tuple[int, str]]) -> None:
        """No window is exceeded, no service that is off is given work, and no batch goes before what is urgent."""
        now = Moment.now()
        there, here = self.before.in_flight(), now.in_flight()
        for service, row in now.subscriptions.items():
            assert here[service] <= max(row["window"] if row["active"] else 0, there[service])
        for id, service in urgent:
            batch = [
                row for other, row in now.deliveries.items()
                if row["service"] == service and row["lane"] and row["sends"] > self.before.deliveries[other]["sends"]
            ]  # fmt: skip
            assert not batch or now.deliveries[id]["state"] != "pending", "a batch went before what is urgent"

    @rule()
    def the_relay_looks_for_what_is_lost(self) -> None:
        running = [id for id, row in self.before.deliveries.items() if row["state"] == "running"]
        self.world.check_attempts()
        if self.steady < 25:  # less than a lease; the rest of the 30 s is for a slow machine
            states = Delivery.objects.filter(id__in=running).values_list("state", flat=True)
            assert set(states) <= {"running"}, "an outage of the ledger was charged to a worker"

    # ── The broker ───────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.world.to_workers or self.world.to_ledger)
    @rule(place=places, what=st.sampled_from(["dropped", "repeated", "overtaken", "flushed"]))
    def a_message_is_lost_or_more(self, place: int, what: str) -> None:
        queues = [queue for queue in (self.world.to_workers, self.world.to_ledger) if queue]
        queue = queues[place % len(queues)]
        message = queue[place % len(queue)]
        if what in ("dropped", "overtaken"):
            queue.remove(message)
        if what in ("repeated", "overtaken"):
            queue.append(message)
        if what == "flushed":
            self.world.to_workers.clear()
            self.world.to_ledger.clear()

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.world.to_workers)
    @rule(place=places)
    def a_worker_takes_a_message(self, place: int) -> None:
        self.world.take(place)

    @precondition(lambda self: self.world.in_hand)
    @rule(place=places)
    def a_worker_says_how_far_it_is(self, place: int) -> None:
        message = self.hand(place)
        self.world.say(message.saying(ProgressReported(attempt=message.attempt, done=1.0, total=2.0)))

    @precondition(lambda self: self.world.in_hand)
    @rule(place=places, how=st.sampled_from(["once", "twice", "and still works"]))
    def a_worker_answers(self, place: int, how: str) -> None:
        message = self.hand(place)
        for _ in range(2 if how == "twice" else 1):
            self.world.answer(message)
        if how != "and still works":
            self.world.in_hand.remove(message)

    @precondition(lambda self: self.world.in_hand)
    @rule(place=places, code=codes, permanent=st.booleans(), stays=st.booleans())
    def a_worker_fails(self, place: int, code: str, permanent: bool, stays: bool) -> None:
        message = self.hand(place)
        self.world.say(message.saying(ServiceFailed(attempt=message.attempt, code=code, permanent=permanent)))
        if permanent:
            self.permanent.add((UUID(message.record.id), message.service, message.attempt))
        if not stays:  # a message that was repeated is in two hands: the other may still answer
            self.world.in_hand.remove(message)

    @precondition(lambda self: self.world.to_workers)
    @rule(permanent=st.booleans())
    def all_that_is_on_its_way_fails(self, permanent: bool) -> None:
        while self.world.to_workers:
            self.world.take(0)
            self.a_worker_fails(place=len(self.world.in_hand) - 1, code="crashed", permanent=permanent, stays=True)

    @precondition(lambda self: self.world.in_hand)
    @rule(backwards=st.booleans())
    def all_workers_say_how_far_they_are(self, backwards: bool) -> None:
        for place in sorted(range(len(self.world.in_hand)), reverse=backwards):
            self.a_worker_says_how_far_it_is(place)

    @precondition(lambda self: self.world.in_hand)
    @rule(place=places)
    def a_worker_dies_silently(self, place: int) -> None:
        self.world.in_hand.remove(self.hand(place))

    def hand(self, place: int) -> Message:
        """One of the messages at work."""
        return self.world.in_hand[place % len(self.world.in_hand)]

    @rule(rounds=few)
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.world.go_well()
            self.hear(self.world.to_ledger)
            self.world.to_ledger.clear()

    # ── The ledger's consumer ────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.world.to_ledger)
    @rule(count=st.integers(min_value=1, max_value=8), acknowledged=st.sampled_from([True, True, False]))
    def the_ledger_hears(self, count: int, acknowledged: bool) -> None:
        self.hear(self.world.to_ledger[:count])
        if acknowledged:
            del self.world.to_ledger[:count]

    @precondition(lambda self: set(self.world.to_ledger) - self.world.strange)
    @rule(statement=st.integers(min_value=1, max_value=12))
    def the_database_goes_away_while_the_ledger_hears(self, statement: int) -> None:
        bodies = [body for body in self.world.to_ledger if body not in self.world.strange]
        there = Moment.now()
        self.world.outage = Outage(statement)
        try:
            self.hear(bodies)
        except OperationalError:
            assert Moment.now() == there, "half of it was recorded"
        self.world.outage = Outage()

    @rule(kind=st.sampled_from(STRANGERS))
    def a_stranger_speaks(self, kind: str) -> None:
        self.world.meet(kind)

    def hear(self, bodies: list[bytes]) -> None:
        """Let the ledger hear messages; see that heartbeats count and strangers are parked."""
        registering = {each.source: each for each in reversed(self.records_in(bodies)) if says(each, ServiceRegistered)}
        if registering and not self.world.strange.isdisjoint(bodies) and len(bodies) > 1:
            for body in bodies:  # a stranger makes the ledger do the same; but then it matters who comes first
                self.hear([body])
            return
        beating = self.beating(bodies)
        working = set(Subscription.objects.filter(active=True).values_list("service", flat=True))
        past = LedgerEvent.objects.filter(id__in=self.known)
        self.world.hear(bodies)
        self.parked += sum(body in self.world.strange for body in bodies)
        for joined in Subscription.objects.filter(active=True).exclude(service__in=working):
            self.backfill(joined, past)
        assert not Delivery.objects.filter(id__in=beating, state="sent").exists(), "a heartbeat did not count"
        self.note_new_events(Moment.now())

    def records_in(self, bodies: list[bytes]) -> list[Record]:
        """What was said in messages, strangers' apart."""
        return [from_wire(wire) for body in bodies if body not in self.world.strange for wire in json.loads(body)]

    def beating(self, bodies: list[bytes]) -> list[int]:
        """The deliveries of which these messages say that they are worked on, by their latest attempt."""
        told = {
            (UUID(each.causationid), each.source, each.data.attempt)
            for each in self.records_in(bodies) if says(each, ProgressReported)
        }  # fmt: skip
        rows = Delivery.objects.filter(state__in=IN_FLIGHT)
        return [row.id for row in rows if (row.event_id, row.service, row.sends) in told]

    # ── Services, and time ───────────────────────────────────────────────────────────────────────────────────────

    @rule(service=services, on=st.booleans(), window=few)
    def a_person_switches_a_service(self, service: str, on: bool, window: int) -> None:
        for subscription in Subscription.objects.filter(service=service):
            if on and not subscription.active:
                self.backfill(subscription, LedgerEvent.objects.all())
            switch(subscription, on=on, window=window)

    @rule(service=st.sampled_from(["archive", "visitor"]), hears=heard, since=since_seconds)
    def a_service_registers(self, service: str, hears: str, since: int | None) -> None:
        self.world.register(service, hears, "" if since is None else rfc3339(timezone.now() - timedelta(seconds=since)))

    @rule(by=seconds, listening=st.booleans())
    def time_passes(self, by: int, listening: bool) -> None:
        self.world.age(by, listening=listening)
        if not listening:
            self.unheard += by
            return
        self.steady = (0 if self.unheard > attempts.GAP_SECONDS else self.steady) + by
        self.unheard = 0

    # ── What must hold ───────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_laws_hold(self) -> None:
        now = Moment.now()
        self.note_new_events(now)
        check_history(self.before, now)
        check_moment(now)
        assert now.owed() == self.owed, "something is owed to nobody, or is not owed"
        assert now.parked == self.parked
        self.check_dead(now)
        self.before = now

    def check_dead(self, now: Moment) -> None:
        """Nothing is dead that should have been tried again."""
        for row in now.deliveries.values():
            if row["state"] == "dead":
                spent = row["attempts"] == attempts.MOST_ATTEMPTS or row["sends"] == row["most_sends"]
                assert spent or (row["event_id"], row["service"], row["sends"]) in self.permanent

    def note_new_events(self, now: Moment) -> None:
        """What was just recorded is owed to who hears it now."""
        for id in now.events.keys() - self.known:
            self.known.add(id)
            self.owed |= {(id, service) for service in now.hearers(id)}

    def backfill(self, joined: Subscription, past: QuerySet[LedgerEvent]) -> None:
        """What a service asked for that is at work from now on is owed to it."""
        if joined.owed_from is not None:
            asked = past.filter(type__in=joined.subscribes, recorded_at__gte=joined.owed_from)
            self.owed |= {(id, joined.service) for id in asked.values_list("id", flat=True)}

    def teardown(self) -> None:
        """From here on all goes well; whatever happened before, every call comes to its end."""
        try:
            if sys.exc_info()[1] is self.handled:  # no law was broken before
                self.all_ends()
        finally:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    def all_ends(self) -> None:
        """Let everything run without faults."""
        for _ in range(ROUNDS_TO_END):
            for subscription in Subscription.objects.filter(active=False):
                self.backfill(subscription, LedgerEvent.objects.all())
                switch(subscription, on=True, window=subscription.window)
            self.all_goes_well_for_a_while(rounds=1)
            self.time_passes(by=60, listening=True)
            self.world.check_attempts()
            if not Delivery.objects.filter(state__in=("pending", *IN_FLIGHT)).exists():
                break
        self.the_laws_hold()
        assert {row["state"] for row in self.before.deliveries.values()} <= {"done", "dead", "cancelled"}
        assert {row["status"] for row in self.before.calls.values()} <= {"completed", "failed"}


def test_nothing_is_lost_doubled_or_stuck_whatever_happens(
    limits: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "conversations")  # a story is long enough without what the ledger says of it
    limits(services="transcription,entity_tagging,anonymization,audio_redaction,qualification,archive")
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=int(STORIES or 20), stateful_step_count=40, derandomize=STORIES is None, database=None,
            print_blob=True, deadline=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
