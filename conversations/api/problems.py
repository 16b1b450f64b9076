"""Errors as problem details (RFC 9457): ``{type, title, status, code, detail, errors?}``. One place for all of them."""

import logging
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psycopg_pool
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from conversations.services.calls import UploadRefused
from conversations.services.choices import ReprocessingRefused
from conversations.services.corrections import CorrectionRefused
from conversations.services.raw_data import RawPurged, RawRefused
from conversations.services.review import ReviewRefused
from conversations.services.speakers import SwapRefused
from conversations.services.tagging import TagRefused
from pipeline.sealing import KeyMissing, KeyUnusable
from pipeline.storage import BlobCorrupt, BlobMissing, StorageError, StorageFull

log = logging.getLogger(__name__)
UPLOAD_STATUSES = {"file_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE}

# What a service refuses, with a message for people.
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    TagRefused: (400, "tag_refused"),
    ReprocessingRefused: (400, "reprocessing_refused"),
    SwapRefused: (409, "swap_refused"),
    RawRefused: (409, "raw_refused"),
    RawPurged: (410, "raw_purged"),
    CorrectionRefused: (409, "correction_refused"),
    ReviewRefused: (409, "review_refused"),
}

# What is raised by others and what it is to who asked, with the seconds after which another try makes sense, where it
# does; of two that fit, the first.
KNOWN: tuple[tuple[tuple[type[Exception], ...], int, str, Promise, int | None], ...] = (
    ((DataError,), 400, "out_of_range", gettext_lazy("A value is out of range."), None),  # a date, say
    (
        (UnreadablePostError, MultiPartParserError), 400, "request_cut_off",
        gettext_lazy("The request ended too early, or is no form. Send all of it again."), None,
    ),
    (
        (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent), 413, "form_too_large",
        gettext_lazy("The form holds more than a call and what is said of it."), None,
    ),
    (
        (BlobMissing, BlobCorrupt, KeyMissing), 500, "file_damaged",
        gettext_lazy("A file of this call is missing or damaged in the storage."), None,
    ),
    (
        (StorageFull,), 507, "storage_full",
        gettext_lazy("There is no room left for the file, and nothing of it was kept. Send it again later."), 60,
    ),
    (
        (OperationalError, InterfaceError, psycopg_pool.PoolTimeout, StorageError, KeyUnusable), 503, "unavailable",
        gettext_lazy("The service is not available. Try again shortly."), 5,
    ),
)  # fmt: skip


class Problem(exceptions.APIException):
    """An error with a code of its own, such as ``file_too_large``."""

    def __init__(self, status_code: int, code: str, detail: str, wait: int | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = status_code
        self.wait = wait


class ProblemSerializer(serializers.Serializer[Any]):
    """The problem details in the OpenAPI document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="For programs, such as not_ready.")
    detail = serializers.CharField(help_text="For people.")
    errors = serializers.DictField(required=False, help_text="By field, where the request is not valid.")


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The response to an error. One that is a bug is logged without its text, which may hold what was said."""
    problem = problem_of(error)
    if problem is None:
        if settings.DEBUG_PROPAGATE_EXCEPTIONS:
            return None
        log.error("%s in %s at %s", type(error).__name__, type(context["view"]).__name__, locations_of(error))
        problem = Problem(500, "error", _("Something went wrong on our side. It has been noted."))
    set_rollback()
    headers = {}
    if wait := getattr(problem, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if challenge := getattr(problem, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Response(body(problem), problem.status_code, headers=headers, content_type="application/problem+json")


def problem_of(error: Exception) -> exceptions.APIException | None:
    """What an error is to who asked; None for a bug."""
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied(str(error) or None)
        case UploadRefused():
            return Problem(UPLOAD_STATUSES.get(error.code, HTTPStatus.BAD_REQUEST), error.code, str(error))
    if type(error) in REFUSALS:
        status, code = REFUSALS[type(error)]
        return Problem(status, code, str(error))
    for kinds, status, code, sentence, wait in KNOWN:
        if isinstance(error, kinds):
            if wait:
                log.warning("away: %s", type(error).__name__)
            return Problem(status, code, str(sentence), wait)
    return None


def body(problem: exceptions.APIException) -> dict[str, Any]:
    """The problem details of an error."""
    details = {"type": "about:blank", "title": HTTPStatus(problem.status_code).phrase, "status": problem.status_code}
    if isinstance(problem, exceptions.ValidationError):
        return details | {"code": "invalid", "detail": _("Some fields are not right."), "errors": problem.detail}
    return details | {"code": problem.get_codes(), "detail": str(problem.detail)}


def locations_of(error: Exception) -> str:
    """The code that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return " < ".join(f"{Path(frame.filename).stem}:{frame.lineno}" for frame in reversed(frames))
