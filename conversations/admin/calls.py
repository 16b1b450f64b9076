"""Admin pages of calls: how far each is, what went wrong, retrying and erasing."""

import json
from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from conversations import transcripts, words
from conversations.admin.progress import standing
from conversations.admin.scope import ADMIN, STAFF, ScopedAdmin
from conversations.forms import ReprocessForm
from conversations.models import Conversation
from conversations.services import calls, purging
from conversations.services.calls import CallDetails, details_of
from conversations.services.choices import Choices, ReprocessingRefused
from conversations.services.raw_data import RawPurged
from conversations.stages import stages_of, stages_of_many
from pipeline.sealing import KeyMissing

AGAIN, PURGED = "again", "purged"  # what became of a call that was to be processed again


class CallList(ChangeList):
    """A page of calls, with the stages of all of them in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Give each call of the page its stages."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        stages = stages_of_many(self.result_list)
        for call in self.result_list:
            call.stages = stages[call.id]


@admin.register(Conversation)
class CallAdmin(ScopedAdmin):
    """Calls as the operator sees them: facts that nobody edits."""

    changers = ()
    actions = ("retry_calls", "reprocess_calls", "erase_calls")
    list_display = ("received_at", "agent", "length", "where")
    list_per_page = 50
    list_filter = ("status", ("batch", admin.RelatedOnlyFieldListFilter), "received_at")
    search_fields = ("=id", "agent")
    fieldsets = (
        (None, {"fields": ("page", "status", "stage", "error", "notes")}),
        (_("Call"), {"fields": ("agent", "language", "length", "started_at", "speakers")}),
        (_("From the sender"), {"fields": ("external_id", "file_name", "metadata")}),
        (_("Processing"), {"fields": ("batch", "received_at", "completed_at", "raw_data", "engine", "lane")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Without the documents, which no list needs."""
        return super().get_queryset(request).defer("audio", "transcript", "master", "player", "peaks")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list with stages."""
        return CallList

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever uploads may retry."""
        return request.user.role in STAFF

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Erasing is for admins."""
        return request.user.role in ADMIN

    @admin.action(description=_("Retry the selected calls that failed"), permissions=["retry"])
    def retry_calls(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Let failed steps run again."""
        count = calls.retry(request.user.organization, list(queryset.values_list("id", flat=True)))
        self.message_user(request, retried(count), messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=_("Process the selected calls again"), permissions=["retry"])
    def reprocess_calls(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse | None:
        """Ask with what; then let each be a new run."""
        chosen = request.POST if "sure" in request.POST else None
        form = ReprocessForm(request.user.organization, chosen)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request), "opts": self.opts, "title": _("Process calls again"),
                "calls": queryset, "form": form, "action_name": admin.helpers.ACTION_CHECKBOX_NAME,
            }  # fmt: skip
            return TemplateResponse(request, "admin/conversations/conversation/reprocess.html", context)
        fates = Counter(reprocessed(call, form.choices()) for call in queryset.select_related("organization"))
        if again := fates.pop(AGAIN, 0):
            text = ngettext("%(count)d call is processed again.", "%(count)d calls are processed again.", again)
            self.message_user(request, text % {"count": again}, messages.SUCCESS)
        if left := fates.pop(PURGED, 0):
            text = ngettext(
                "%(count)d call cannot be processed again: its recording was deleted, as the settings say.",
                "%(count)d calls cannot be processed again: their recordings were deleted, as the settings say.",
                left,
            )
            self.message_user(request, text % {"count": left}, messages.WARNING)
        for refusal, count in fates.items():
            text = ngettext("%(count)d call is not: %(why)s", "%(count)d calls are not: %(why)s", count)
            self.message_user(request, text % {"count": count, "why": refusal}, messages.WARNING)
        return None

    @admin.action(description=_("Erase the selected calls for good"), permissions=["erase"])
    def erase_calls(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse | None:
        """Ask first; then erase."""
        if "sure" not in request.POST:
            context = {
                **self.admin_site.each_context(request), "opts": self.opts, "title": _("Erase calls"),
                "calls": queryset, "action_name": admin.helpers.ACTION_CHECKBOX_NAME,
            }  # fmt: skip
            return TemplateResponse(request, "admin/conversations/conversation/erase.html", context)
        count = 0
        for call in queryset:
            calls.erase(call)
            count += 1
        text = ngettext("%(count)d call was erased.", "%(count)d calls were erased.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
        return None

    @admin.display(description=_("call"))
    def page(self, call: Conversation) -> str:
        """A link to where one listens and reads."""
        return format_html(
            '<a href="{}">{}</a>', reverse("conversations:detail", args=[call.id]), gettext("Open the call")
        )

    @admin.display(description=_("length"), ordering="duration")
    def length(self, call: Conversation) -> str:
        """As ``4:05``."""
        return "" if call.duration is None else transcripts.clock(call.duration)

    @admin.display(description=_("stage"))
    def where(self, call: Conversation) -> str:
        """Where the call is, and what went wrong if it failed."""
        return format_html('{}<span class="sentence">{}</span>', self.stage(call), self.error(call))

    @admin.display(description=_("stage"))
    def stage(self, call: Conversation) -> str:
        """Where the call is."""
        return standing(call, getattr(call, "stages", None) or stages_of(call))

    @admin.display(description=_("what went wrong"))
    def error(self, call: Conversation) -> str:
        """In plain words."""
        return words.failure_sentence(call.failure_code, call.failure_service) if call.failure_code else ""

    @admin.display(description=_("notes"))
    def notes(self, call: Conversation) -> str:
        """What a person should know."""
        return " ".join(words.flag_sentence(flag) for flag in call.flags)

    @admin.display(description=_("raw data"))
    def raw_data(self, call: Conversation) -> str:
        """Whether it is there."""
        return raw_sentence(call)

    @admin.display(description=_("external id"))
    def external_id(self, call: Conversation) -> str:
        """The sender's own id."""
        return known(call).external_id

    @admin.display(description=_("file name"))
    def file_name(self, call: Conversation) -> str:
        """What the file was called."""
        return known(call).file_name

    @admin.display(description=_("metadata"))
    def metadata(self, call: Conversation) -> str:
        """Whatever else the sender said."""
        metadata = known(call).metadata
        return format_html("<pre>{}</pre>", json.dumps(metadata, indent=2, ensure_ascii=False)) if metadata else ""


def known(call: Conversation) -> CallDetails:
    """What the sender said, or nothing once the key is gone."""
    try:
        return details_of(call)
    except (KeyMissing, Conversation.details.RelatedObjectDoesNotExist):
        return CallDetails()


def reprocessed(call: Conversation, choices: Choices) -> str:
    """Process a call again: ``AGAIN``, ``PURGED`` when its recording is deleted, or why it is refused."""
    try:
        calls.reprocess(call, choices)
    except RawPurged:
        return PURGED
    except ReprocessingRefused as refusal:
        return str(refusal)
    return AGAIN


def raw_sentence(call: Conversation) -> str:
    """Whether the raw data of a call is there; of what was deleted the store is looked at, now."""
    if call.raw_purged_at is None:
        return gettext("still there")
    if left := len(purging.raw_blobs(call)):
        text = ngettext(
            "Deleted on %(when)s, but %(left)d file of it is in the storage.",
            "Deleted on %(when)s, but %(left)d files of it are in the storage.",
            left,
        )
        return text % {"when": date_format(call.raw_purged_at), "left": left}
    text = gettext("Deleted on %(when)s. None of it is in the storage: looked just now.")
    return text % {"when": date_format(call.raw_purged_at)}


def retried(count: int) -> str:
    """What a retry did."""
    if not count:
        return gettext("None of these calls has failed: there is nothing to retry.")
    return ngettext("%(count)d call is tried again.", "%(count)d calls are tried again.", count) % {"count": count}
