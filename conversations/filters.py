"""Which calls: the filters that the API, the search and the pages share. Every one of them is in the URL."""

import django_filters
from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.models import Conversation, Tag
from conversations.services.calls import external_id_digest


class SeveralField(forms.MultipleChoiceField):
    """Any values, each a parameter of the same name."""

    def valid_value(self, value: str) -> bool:
        """What is not there is not found, and is no error."""
        return "\x00" not in value


class SeveralFilter(django_filters.MultipleChoiceFilter):
    """Rows with any of the values."""

    field_class = SeveralField


class StableOrder(django_filters.OrderingFilter):
    """An order in which equals keep their places from page to page."""

    def filter(self, rows: QuerySet[Conversation], value: list[str] | None) -> QuerySet[Conversation]:
        """The rows in order; newest first among equals."""
        return rows.order_by(*map(self.get_ordering_value, value), "-id") if value else rows


class CallFilter(django_filters.FilterSet):
    """Filters over the calls of one organization.

    ``CallFilter(request.GET, queryset=Conversation.objects.of(organization), request=request).qs``; the request's
    user decides what may be asked (PermissionDenied), and of which calls tags and flags are known. A parameter may be
    repeated: any of the statuses, languages and agents, all of the tags and flags.
    """

    status = django_filters.MultipleChoiceFilter(choices=Conversation.Status, distinct=False)
    language = SeveralFilter(distinct=False, help_text=gettext_lazy("Codes, such as en."))
    agent = SeveralFilter(distinct=False)
    tag = SeveralFilter(method="with_tags", help_text=gettext_lazy("Tags that a call or one of its utterances has."))
    flag = SeveralFilter(
        method="with_flags",
        help_text=gettext_lazy("Flags that a call or one of its utterances has, such as hallucination."),
    )
    batch = django_filters.UUIDFilter(field_name="batch_id")
    external_id = django_filters.CharFilter(method="with_external_id", max_length=200)
    started_after = django_filters.IsoDateTimeFilter("started_at", lookup_expr="gte")
    started_before = django_filters.IsoDateTimeFilter("started_at", lookup_expr="lt")
    received_after = django_filters.IsoDateTimeFilter("received_at", lookup_expr="gte")
    received_before = django_filters.IsoDateTimeFilter("received_at", lookup_expr="lt")
    ordering = StableOrder(fields=["received_at", "started_at", "duration"])

    class Meta:
        model = Conversation
        fields = ()  # each is declared above

    def with_tags(self, rows: QuerySet[Conversation], _name: str, value: list[str]) -> QuerySet[Conversation]:
        """Calls that have every one of the tags."""
        rows = rows.open_to(self.request.user) if value else rows
        for tag in value:
            rows = rows.filter(id__in=Tag.objects.filter(tag=tag).values("conversation"))
        return rows

    def with_flags(self, rows: QuerySet[Conversation], _name: str, value: list[str]) -> QuerySet[Conversation]:
        """Calls that have every one of the flags, as a whole or in an utterance."""
        rows = rows.open_to(self.request.user) if value else rows
        for flag in value:
            rows = rows.filter(Q(flags__contains=[flag]) | Q(flags_within__contains=[flag]))
        return rows

    def with_external_id(self, rows: QuerySet[Conversation], _name: str, value: str) -> QuerySet[Conversation]:
        """The calls that the sender gave this id."""
        user = self.request.user
        if not user.may_see_details:
            raise PermissionDenied(_("Your role may not look for calls by external id."))
        return rows.filter(external_id_digest=external_id_digest(user.organization, value))
