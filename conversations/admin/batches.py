"""Admin pages of batches: the list, and one batch as it moves."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from conversations import words
from conversations.admin import uploads
from conversations.admin.calls import retried
from conversations.admin.progress import is_finished, measure, standing
from conversations.admin.scope import STAFF, ScopedAdmin
from conversations.models import Batch, BatchItem, Conversation
from conversations.services import batches, calls
from conversations.stages import stages_of_many

ROWS, MANY_CALLS = 50, 300
SECONDS, SECONDS_FOR_MANY = 2, 10
Outcome, Status = BatchItem.Outcome, Conversation.Status

FAILURES_FIRST = Case(
    When(outcome=Outcome.REFUSED, then=Value(0)),
    When(conversation__status=Status.FAILED, conversation__batch=F("batch"), then=Value(1)),
    When(conversation__status=Status.PROCESSING, then=Value(2)),
    When(conversation__status=Status.RECEIVED, then=Value(3)),
    default=Value(4),
    output_field=IntegerField(),
)


@admin.register(Batch)
class BatchAdmin(ScopedAdmin):
    """Batches. To add one is to upload it; nothing of it is edited."""

    changers = ()
    adders = STAFF
    list_display = ("name", "created_at", "created_by", "calls", "completed", "failed")
    list_select_related = ("created_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        """With the number of their calls by status."""
        status = "conversations__status"
        return (
            super().get_queryset(request).defer("sealed_manifest")
            .annotate(call_count=Count("conversations"))
            .annotate(completed_count=Count("conversations", filter=Q(**{status: Status.COMPLETED})))
            .annotate(failed_count=Count("conversations", filter=Q(**{status: Status.FAILED})))
        )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        """The upload, the page's moving part, and what its buttons do."""
        inside = self.admin_site.admin_view
        return [
            path("upload/", inside(uploads.upload_batch), name="upload_batch"),
            path("upload/start/", inside(uploads.start_batch), name="start_batch"),
            path("<uuid:batch_id>/files/", inside(uploads.add_file), name="batch_file"),
            path("<uuid:batch_id>/close/", inside(uploads.close_batch), name="close_batch"),
            path("<uuid:batch_id>/retry/", inside(require_POST(self.retry_view)), name="retry_batch"),
            path("<uuid:batch_id>/progress/", self.progress_view, name="batch_progress"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """To the upload."""
        return HttpResponseRedirect(reverse("admin:upload_batch"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of a batch."""
        try:
            batch = uploads.batch_of(request, UUID(object_id))
        except ValueError:
            raise Http404 from None
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": batch.name}
        return TemplateResponse(
            request, "admin/conversations/batch/page.html", {**context, **moving_part(batch, request)}
        )

    def progress_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """What moves on the page. Whoever is no longer signed in is sent to sign in by loading the whole page."""
        if not self.admin_site.has_permission(request):
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        batch = uploads.batch_of(request, batch_id)
        return TemplateResponse(request, "admin/conversations/batch/progress.html", moving_part(batch, request))

    def retry_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Retry the calls that failed for one cause, or all that failed."""
        batch = uploads.batch_of(request, batch_id)
        failed = batch.conversations.filter(status=Status.FAILED)
        if "code" in request.POST:
            failed = failed.filter(failure_code=request.POST["code"], failure_service=request.POST.get("service", ""))
        count = calls.retry(batch.organization, list(failed.values_list("id", flat=True)))
        messages.add_message(request, messages.SUCCESS if count else messages.WARNING, retried(count))
        return HttpResponseRedirect(uploads.page_of(batch))

    @admin.display(description=_("calls"))
    def calls(self, batch: Any) -> int:
        """How many came in with it."""
        return batch.call_count

    @admin.display(description=_("completed"))
    def completed(self, batch: Any) -> int:
        """How many are done."""
        return batch.completed_count

    @admin.display(description=_("failed"))
    def failed(self, batch: Any) -> int:
        """How many failed for good."""
        return batch.failed_count


def moving_part(batch: Batch, request: HttpRequest) -> dict[str, Any]:
    """All that the moving part of the page shows, read at one moment."""
    members = list(
        batch.conversations.order_by().only(
            "id", "run", "status", "duration", "failure_service", "failure_code", "batch_id"
        )
    )
    progress = measure(members, stages_of_many(members), timezone.now())
    page = Paginator(rows_of(batch), ROWS).get_page(request.GET.get("page"))
    name_rows(page.object_list)
    return {
        "batch": batch, "progress": progress, "time_left": words.time_left(progress.seconds_left),
        "moving": any(not is_finished(call) for call in members),
        "seconds": SECONDS if len(members) <= MANY_CALLS else SECONDS_FOR_MANY,
        "refused": batch.items.filter(outcome=Outcome.REFUSED).count(),
        "duplicates": batch.items.filter(outcome=Outcome.DUPLICATE).count(),
        "causes": causes_of(members), "missing": batches.missing_lines(batch), "page": page,
    }  # fmt: skip


def rows_of(batch: Batch) -> QuerySet[BatchItem]:
    """The files of a batch, failures first."""
    return (
        batch.items.select_related("conversation", "batch")
        .defer("conversation__transcript", "conversation__audio", "batch__sealed_manifest")
        .order_by(FAILURES_FIRST, "position")
    )


def name_rows(items: list[BatchItem]) -> None:
    """Give rows what they show: the name of the file, where its call is, what is wrong."""
    stages = stages_of_many([item.conversation for item in items if item.conversation])
    for item in items:
        call = item.conversation
        item.file_name = batches.file_name_of(item)
        item.reason_sentence = batches.reason_sentence(item.reason, item.line) if item.reason else ""
        item.standing = standing(call, stages[call.id]) if call else item.get_outcome_display()
        item.failure = words.failure_sentence(call.failure_code, call.failure_service) if is_failed(call) else ""


def is_failed(call: Conversation | None) -> bool:
    """Whether a call has failed for good."""
    return call is not None and call.status == Status.FAILED


def causes_of(members: list[Conversation]) -> list[dict[str, Any]]:
    """Why calls failed, the commonest cause first."""
    counts: dict[tuple[str, str], int] = {}
    for call in filter(is_failed, members):
        cause = call.failure_service, call.failure_code
        counts[cause] = counts.get(cause, 0) + 1
    return [
        {"service": service, "code": code, "count": count, "sentence": words.failure_sentence(code, service)}
        for (service, code), count in sorted(counts.items(), key=lambda each: -each[1])
    ]
