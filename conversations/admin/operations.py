"""Admin pages for who keeps Parley running: services, steps that gave up, records that were not believed."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from conversations import words
from conversations.admin.calls import retried
from conversations.admin.scope import ADMIN, ScopedAdmin
from conversations.models import Attempt, Delivery, Parked, Subscription
from conversations.services import calls, dead_letters
from conversations.services.subscriptions import switch

MOST_WINDOW = 1000


class OperatorAdmin(ScopedAdmin):
    """Pages about the installation, not about an organization: for superusers."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers look."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers change."""
        return request.user.is_superuser


class SubscriptionForm(forms.ModelForm):
    """What a person decides about a service."""

    on = forms.BooleanField(
        label=_("Switched on"), required=False,
        help_text=_("A service that is switched off is given nothing, also after it starts again."),
    )  # fmt: skip
    window = forms.IntegerField(
        label=_("Window"), validators=[MinValueValidator(1), MaxValueValidator(MOST_WINDOW)],
        help_text=_("How many calls it is given at once."),
    )  # fmt: skip

    class Meta:
        model = Subscription
        fields = ("window",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["on"].initial = self.instance.active


@admin.register(Subscription)
class SubscriptionAdmin(OperatorAdmin):
    """Services: what they hear and say, whether they are there, and whether they are given work."""

    form = SubscriptionForm
    fields = ("service", "on", "window", "hears", "tells", "queue", "lease", "required", "last_seen")
    readonly_fields = ("service", "hears", "tells", "queue", "lease", "required", "last_seen")
    list_display = ("service", "active", "switched_off", "required", "queue", "window", "last_seen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        """All: services serve every organization."""
        return admin.ModelAdmin.get_queryset(self, request)

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:
        """Keep the window; switch on or off."""
        switch(obj, on=form.cleaned_data["on"], window=form.cleaned_data["window"])

    @admin.display(description=_("hears"))
    def hears(self, subscription: Subscription) -> str:
        """The events that it is given."""
        return ", ".join(subscription.subscribes)

    @admin.display(description=_("says"))
    def tells(self, subscription: Subscription) -> str:
        """The events that it may say."""
        return ", ".join(subscription.says)


@admin.register(Delivery)
class DeadAdmin(ScopedAdmin):
    """Steps that failed for good, with their last error."""

    organization_lookup = "tenant"
    viewers = ADMIN
    changers = ()
    list_title = _("Steps that failed for good")
    actions = ("retry_calls", "give_up")
    list_display = ("created_at", "step", "call", "attempts", "sentence", "error", "exception", "location")
    list_display_links = None
    list_filter = ("service", "error")

    def owner(self, request: HttpRequest) -> Any:
        """The organization's id, as records have it."""
        return request.user.organization_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """The dead ones, with their last attempt."""
        last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
        return (
            super().get_queryset(request).filter(state=Delivery.State.DEAD)
            .annotate(last_exception=Subquery(last.values("exception")[:1]))
            .annotate(last_locations=Subquery(last.values("locations")[:1]))
        )  # fmt: skip

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever sees them may retry."""
        return request.user.role in ADMIN

    @admin.action(description=_("Retry the calls of the selected steps"), permissions=["retry"])
    def retry_calls(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Let the failed steps of these calls run again."""
        count = calls.retry(request.user.organization, list(set(queryset.values_list("subject", flat=True))))
        self.message_user(request, retried(count), messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=_("Give up the selected steps: never try them again"), permissions=["retry"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Take these steps off the list; their calls stay failed, with what earlier steps gave."""
        count = dead_letters.give_up(Delivery.objects.filter(pk__in=queryset.values("pk")))
        text = ngettext("%(count)d step was given up.", "%(count)d steps were given up.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.display(description=_("step"), ordering="service")
    def step(self, delivery: Delivery) -> str:
        """What failed."""
        return str(words.STEPS.get(delivery.service, delivery.service))

    @admin.display(description=_("call"))
    def call(self, delivery: Delivery) -> str:
        """A link to its facts."""
        address = reverse("admin:conversations_conversation_change", args=[delivery.subject])
        return format_html('<a href="{}">{}…</a>', address, str(delivery.subject)[:13])

    @admin.display(description=_("what went wrong"))
    def sentence(self, delivery: Delivery) -> str:
        """In plain words."""
        return words.failure_sentence(delivery.error, delivery.service)

    @admin.display(description=_("exception"))
    def exception(self, delivery: Any) -> str:
        """The class of the last error; its text is nowhere."""
        return delivery.last_exception or ""

    @admin.display(description=_("where"))
    def location(self, delivery: Any) -> str:
        """The code that the last error came from."""
        return (delivery.last_locations or [""])[-1]


@admin.register(Parked)
class ParkedAdmin(OperatorAdmin):
    """Records that were received and not believed: those of one's own organization, and of none."""

    list_display = ("parked_at", "error", "kind", "source")
    list_filter = ("error",)
    fields = readonly_fields = ("parked_at", "error", "content")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Parked]:
        """Without what names another organization."""
        tenants = ("", str(request.user.organization_id))
        own = Q(record__0__tenant__in=tenants) | Q(record__0__tenant__isnull=True)
        return admin.ModelAdmin.get_queryset(self, request).filter(own)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes them."""
        return False

    @admin.display(description=_("type"))
    def kind(self, parked: Parked) -> str:
        """The event that it says it is."""
        return said(parked, "type")

    @admin.display(description=_("source"))
    def source(self, parked: Parked) -> str:
        """Who said it."""
        return said(parked, "source")

    @admin.display(description=_("record"))
    def content(self, parked: Parked) -> str:
        """As it came."""
        return format_html("<pre>{}</pre>", json.dumps(parked.record, indent=2, ensure_ascii=False))


def said(parked: Parked, name: str) -> str:
    """What the records of a parked message have in a field; a message that was no list of records has none."""
    records = parked.record if isinstance(parked.record, list) else []
    return ", ".join(str(each.get(name, "")) for each in records if isinstance(each, dict))
