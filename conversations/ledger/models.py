"""The tables of the ledger."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Event(models.Model):
    """Something that happened, as its record said it; never changed."""

    id = models.UUIDField(primary_key=True)
    source = models.TextField()
    type = models.TextField()
    subject = models.UUIDField()
    tenant = models.UUIDField()
    correlationid = models.UUIDField()
    causationid = models.UUIDField(null=True)
    traceparent = models.TextField(default="")
    time = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    data = models.JSONField()

    class Meta:
        app_label = "conversations"
        indexes = [
            models.Index(fields=["subject", "recorded_at"], name="event_subject"),
            models.Index(fields=["correlationid", "type"], name="event_run"),
            models.Index(fields=["type", "recorded_at"], name="event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Subscription(models.Model):
    """A service, as it registered: what it hears, what it may say, and how it is served.

    ``owed_from``: from when on it wants, and was not yet given, the events of the past; null: none.
    """

    service = models.TextField(primary_key=True)
    subscribes = ArrayField(models.TextField())
    says = ArrayField(models.TextField(), default=list)
    queue = models.TextField()
    lease = models.FloatField(default=30.0)
    window = models.PositiveIntegerField(default=4)
    required = models.BooleanField(default=False)
    active = models.BooleanField(default=False)
    switched_off = models.BooleanField(default=False)
    owed_from = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)

    class Meta:
        app_label = "conversations"

    def __str__(self) -> str:
        return self.service


class Delivery(models.Model):
    """An event owed to a service. ``attempts`` counts those that started, ``sends`` all.

    Each of its four states is a new version of the row and a new entry in every index that has it, so indexes are few,
    and partial where a state is not in them. That of ``event`` is the constraint's.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        RUNNING = "running"
        DONE = "done"
        DEAD = "dead"
        CANCELLED = "cancelled"

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    service = models.TextField()
    state = models.TextField(choices=State, default=State.PENDING, db_default=State.PENDING)
    subject = models.UUIDField()
    tenant = models.UUIDField()
    correlationid = models.UUIDField()
    lane = models.SmallIntegerField(default=0, db_default=0)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    sends = models.PositiveIntegerField(default=0, db_default=0)
    most_sends = models.PositiveIntegerField(default=15, db_default=15)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    error = models.TextField(default="", db_default="")
    progress_done = models.FloatField(default=0, db_default=0.0)
    progress_total = models.FloatField(default=0, db_default=0.0)

    class Meta:
        app_label = "conversations"
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["event", "service"], name="delivery_once")]
        indexes = [
            models.Index(
                fields=["service", "lane", "tenant", "id"],
                include=["due_at"],
                name="delivery_pending",
                condition=Q(state="pending"),
            ),
            models.Index(
                fields=["service", "sent_at"], name="delivery_in_flight", condition=Q(state__in=["sent", "running"])
            ),
            models.Index(
                fields=["service", "tenant", "-sent_at"], name="delivery_served", condition=Q(sent_at__isnull=False)
            ),
            models.Index(
                fields=["service", "-started_at"], name="delivery_started", condition=Q(started_at__isnull=False)
            ),
            models.Index(fields=["correlationid"], name="delivery_run"),
            models.Index(fields=["subject"], name="delivery_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.service}"


class Attempt(models.Model):
    """One sending of a delivery and what came of it; append-only but for its end. Found by the constraint's index."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="history", db_index=False)
    number = models.PositiveIntegerField()
    sent_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="", db_default="")
    exception = models.TextField(default="", db_default="")
    locations = ArrayField(models.TextField(), default=list)

    class Meta:
        app_label = "conversations"
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"


class Parked(models.Model):
    """A record that was received and not believed, or could not be recorded; kept for the operator."""

    record = models.JSONField()
    error = models.TextField()
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "conversations"
        verbose_name_plural = "parked records"

    def __str__(self) -> str:
        return f"{self.error} at {self.parked_at}"


class Clock(models.Model):
    """One row: when a consumer last was up to date, and since when without a gap.

    A ledger that was away must not charge the workers for it: no lease expires unless a consumer is up to date, and
    has been for as long as the lease.
    """

    caught_up_at = models.DateTimeField(null=True)
    steady_since = models.DateTimeField(null=True)

    class Meta:
        app_label = "conversations"

    def __str__(self) -> str:
        return f"caught up at {self.caught_up_at}"
