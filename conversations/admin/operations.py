"""Admin pages for who keeps Parley running: services, records that were not believed."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from conversations.admin.scope import ScopedAdmin
from conversations.ledger.registration import switch
from conversations.models import Parked, Subscription

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
