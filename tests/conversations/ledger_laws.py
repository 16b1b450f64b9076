"""What must hold of the ledger's tables whatever happened: laws of one moment, and of two that follow each other."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple
from uuid import UUID

from conversations.ledger.attempts import MOST_ATTEMPTS
from conversations.ledger.models import Attempt, Delivery, Event, Parked, Subscription
from conversations.models import Conversation

LEGAL = {
    "pending": {"pending", "sent", "done", "cancelled"},
    "sent": {"sent", "running", "pending", "done", "dead", "cancelled"},
    "running": {"running", "pending", "done", "dead", "cancelled"},
    "dead": {"dead", "pending", "done", "cancelled"},
    "done": {"done"},
    "cancelled": {"cancelled"},
}
IN_FLIGHT = ("sent", "running")
BRANCHES = {"AudioRedacted", "ConversationQualified"}
Row = dict[str, Any]


class Moment(NamedTuple):
    """Everything that is in the tables; times apart, which the tests change."""

    events: dict[UUID, Row]
    deliveries: dict[int, Row]
    attempts: dict[tuple[int, int], str]
    calls: dict[UUID, Row]
    subscriptions: dict[str, Row]
    parked: int

    @classmethod
    def now(cls) -> "Moment":
        """Read it."""
        said = Event.objects.values("id", "source", "type", "subject", "correlationid", "causationid", "data")
        owed = Delivery.objects.values(
            "id", "event_id", "service", "state", "correlationid", "attempts", "sends", "most_sends", "error", "lane"
        )
        return cls(
            events={row["id"]: row for row in said},
            deliveries={row["id"]: row for row in owed},
            attempts={row[:2]: row[2] for row in Attempt.objects.values_list("delivery_id", "number", "outcome")},
            calls={row["id"]: row for row in Conversation.objects.values("id", "run", "status")},
            subscriptions={row["service"]: row for row in Subscription.objects.values()},
            parked=Parked.objects.count(),
        )

    def in_flight(self) -> Counter[str]:
        """How many deliveries each service has at hand."""
        return Counter(row["service"] for row in self.deliveries.values() if row["state"] in IN_FLIGHT)

    def owed(self) -> set[tuple[UUID, str]]:
        """Which event is owed, or was, to which service."""
        return {(row["event_id"], row["service"]) for row in self.deliveries.values()}

    def hearers(self, event: UUID) -> set[str]:
        """The services that are owed an event of this moment."""
        return {
            row["service"] for row in self.subscriptions.values()
            if (row["active"] or row["required"]) and self.events[event]["type"] in row["subscribes"]
        }  # fmt: skip


def check_history(before: Moment, now: Moment) -> None:
    """Nothing that was said changes; what is owed moves as it may; attempts are only added."""
    assert all(now.events.get(id) == row for id, row in before.events.items()), "an event has changed"
    for id, row in before.deliveries.items():
        then = now.deliveries[id]
        assert then["state"] in LEGAL[row["state"]], f"{row['state']} became {then['state']}"
        assert row["state"] != "done" or then == row, "a delivery that is done has changed"
    for attempt, outcome in before.attempts.items():
        later = now.attempts.get(attempt)
        assert later == outcome or (later is not None and outcome == "") or later == "done", "an attempt has changed"


def check_moment(now: Moment) -> None:
    """Laws of one moment."""
    check_deliveries(now)
    check_joins(now)
    for call in now.calls.values():
        assert call["status"] in statuses(now, call), f"a call is {call['status']}, not one of {statuses(now, call)}"


def check_deliveries(now: Moment) -> None:
    """One delivery an event and service; attempts numbered from one; every cause is there."""
    assert len(now.owed()) == len(now.deliveries)
    causes = {row["causationid"] for row in now.events.values()} - {None}
    assert causes <= now.events.keys(), "a cause is not there"
    numbers = defaultdict(list)
    for id, number in sorted(now.attempts):
        numbers[id].append(number)
    for id, row in now.deliveries.items():
        assert numbers[id] == list(range(1, row["sends"] + 1)), "attempts are not numbered from one"
        assert row["attempts"] <= MOST_ATTEMPTS
        assert row["sends"] <= row["most_sends"]


def check_joins(now: Moment) -> None:
    """A run is completed once, when both branches are there."""
    said: dict[UUID, Counter[str]] = defaultdict(Counter)
    for row in now.events.values():
        said[row["correlationid"]][row["type"]] += 1
    for types in said.values():
        assert max(types[type] for type in ("ConversationCompleted", *BRANCHES)) <= 1
        assert types["ConversationCompleted"] == (types.keys() >= BRANCHES)


def statuses(now: Moment, call: Row) -> set[str]:
    """What a call may be called, by what is owed and was said in its run.

    A quick service says no progress, so that a call may be found received until it is completed.
    """
    said = {(row["causationid"], row["source"]) for row in now.events.values()}
    ours = [row for row in now.events.values() if row["correlationid"] == call["run"]]
    if "ConversationCompleted" in {row["type"] for row in ours}:
        return {"completed"}
    steps = [row for row in now.deliveries.values() if row["correlationid"] == call["run"]]
    for row in steps:
        required = now.subscriptions[row["service"]]["required"]
        if required and row["state"] in ("dead", "cancelled") and (row["event_id"], row["service"]) not in said:
            return {"failed"}
    return {"processing"} if any(row["state"] == "running" for row in steps) else {"received", "processing"}
