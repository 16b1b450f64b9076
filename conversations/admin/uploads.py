"""Uploading a batch: by one ordinary form, or file by file from the page's script."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, StopUpload
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from conversations import words
from conversations.models import Batch, BatchItem
from conversations.services import batches
from conversations.services.batches import Reason
from conversations.services.calls import UploadRefused
from conversations.services.uploads import Spool, taking_files
from pipeline.config import config
from pipeline.storage import StorageError


class BatchSpool(Spool):
    """Goes on after a file that cannot be taken, and takes no more files than a batch and its manifest are."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.count, self.too_many = 0, False
        self.refused: list[tuple[str, Reason]] = []

    def new_file(self, *args: Any, **options: Any) -> None:
        """Count a file."""
        self.count += 1
        if self.count > config().max_batch_files + 1:
            self.too_many = True
            raise StopUpload(connection_reset=False)
        with self.going_on():
            super().new_file(*args, **options)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take bytes of a file."""
        with self.going_on():
            super().receive_data_chunk(raw_data, start)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Note why a file is refused, and skip it."""
        try:
            yield
        except UploadRefused as refused:
            self.refused.append((self.file_name, Reason(refused.code)))
            raise SkipFile from None
        except StorageError:
            self.refused.append((self.file_name, Reason.STORAGE_UNAVAILABLE))
            raise SkipFile from None


def limited(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view take uploads within the limits, as ``request.upload_limits`` then tells.

    Whoever looks for the CSRF token reads the whole upload, so it is looked for once the limits are in place.
    """
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def limited_view(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        request.upload_limits = BatchSpool(request)
        with taking_files(request, request.upload_limits):
            return protected(request, *args, **options)

    return limited_view


class FilesInput(forms.ClearableFileInput):
    """A choice of many files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Many files; an empty one is a file too (its call says what is wrong with it)."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        """The files."""
        if not data:
            raise forms.ValidationError(_("Choose at least one file."))
        return list(data)


class BatchForm(forms.Form):
    """What begins a batch."""

    name = forms.CharField(label=_("Name"), max_length=200)
    language = forms.ChoiceField(label=_("Language"), required=False)
    manifest = forms.FileField(
        label=_("Manifest"), required=False, allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv", "aria-describedby": "manifest-help"}),
    )  # fmt: skip

    def __init__(self, user: Any, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user
        codes = batches.languages_of(user.organization)
        self.fields["language"].choices = [
            ("", gettext("Detect")),
            *((code, words.language_name(code)) for code in codes),
        ]
        now = date_format(timezone.localtime(), "DATETIME_FORMAT")
        self.fields["name"].initial = gettext("Calls of %(date)s") % {"date": now}

    def open_batch(self) -> Batch | None:
        """Begin the batch, or None: then the form says why."""
        try:
            return batches.open_batch(
                self.user.organization, self.user, self.cleaned_data["name"],
                manifest=self.cleaned_data["manifest"], language=self.cleaned_data["language"],
            )  # fmt: skip
        except batches.ManifestRefused as refused:
            self.add_error("manifest", batches.reason_sentence(refused.reason))
            return None


class UploadForm(BatchForm):
    """A whole batch in one form."""

    files = FilesField(label=_("Calls"))
    field_order = ("name", "language", "files", "manifest")


@limited
def upload_batch(request: HttpRequest) -> HttpResponse:
    """The page, and what it sends without a script: the whole batch at once."""
    form = UploadForm(request.user, request.POST or None, request.FILES or None)
    if request.method == "POST":
        limits = request.upload_limits
        if limits.too_many:
            form.add_error("files", batches.reason_sentence(Reason.TOO_MANY_FILES))
        elif limits.refused and not request.FILES:
            form.add_error("files", batches.reason_sentence(limits.refused[0][1]))
        elif form.is_valid() and (batch := form.open_batch()):
            for file in form.cleaned_data["files"]:
                batches.add_file(batch, file.name, file)
            for name, reason in limits.refused:
                batches.refuse_file(batch, name, reason)
            batches.close_batch(batch)
            return HttpResponseRedirect(page_of(batch))
    context = {
        **admin.site.each_context(request), "opts": Batch._meta, "title": _("Upload calls"), "form": form,
        "most_bytes": config().max_upload_bytes, "most_megabytes": config().max_upload_bytes // 1024**2,
        "most_files": config().max_batch_files,
    }  # fmt: skip
    return TemplateResponse(
        request, "admin/conversations/batch/upload.html", context, status=400 if form.errors else 200
    )


@limited
@require_POST
def start_batch(request: HttpRequest) -> HttpResponse:
    """Begin a batch whose files come one by one; answers with the addresses to send them to."""
    form = BatchForm(request.user, request.POST, request.FILES)
    if form.is_valid() and (refused := request.upload_limits.refused):
        form.add_error("manifest", batches.reason_sentence(refused[0][1]))
    if not form.is_valid() or (batch := form.open_batch()) is None:
        return JsonResponse({"errors": form.errors}, status=400)
    addresses = {
        "files": reverse("admin:batch_file", args=[batch.pk]), "close": reverse("admin:close_batch", args=[batch.pk]),
        "page": page_of(batch),
    }  # fmt: skip
    return JsonResponse(addresses, status=201)


@limited
@require_POST
def add_file(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Take one file into a batch; answers with what became of it.

    Of a file that it sees to be too large, the script sends but the name.
    """
    batch = batch_of(request, batch_id)
    file = request.FILES.get("file")  # to ask for it is to read the upload: the limits have told only then
    too_large = [(name, Reason.FILE_TOO_LARGE) for name in request.POST.getlist("too_large")]
    if refused := request.upload_limits.refused or too_large:
        items = [batches.refuse_file(batch, name, reason) for name, reason in refused]
    elif file is not None:
        items = batches.add_file(batch, file.name, file)
    else:
        return JsonResponse({"errors": {"file": [gettext("No file was sent.")]}}, status=400)
    return JsonResponse({"items": [told(item) for item in items]}, status=201)


@require_POST
def close_batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """End the upload of a batch, from the script or from the batch's page."""
    batch = batch_of(request, batch_id)
    batches.close_batch(batch)
    return HttpResponseRedirect(page_of(batch))


def batch_of(request: HttpRequest, batch_id: UUID) -> Batch:
    """A batch of the organization. Raises Http404."""
    return get_object_or_404(Batch.objects.of(request.user.organization), pk=batch_id)


def page_of(batch: Batch) -> str:
    """The address of a batch's page."""
    return reverse("admin:conversations_batch_change", args=[batch.pk])


def told(item: BatchItem) -> dict[str, str]:
    """What became of a file, for the page's script."""
    return {
        "name": str(batches.file_name_of(item) or ""),
        "outcome": item.outcome,
        "label": item.get_outcome_display(),
        "sentence": batches.reason_sentence(item.reason, item.line) if item.reason else "",
    }
