"""Errors as problem details (RFC 9457): ``{type, title, status, detail, errors?}``."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback


class Problem(exceptions.APIException):
    """An error with a code of its own, such as ``file_too_large``."""

    def __init__(self, status_code: int, code: str, detail: str) -> None:
        super().__init__(detail, code)
        self.status_code = status_code


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The response to an error, or None for one that is a bug (a 500 without its text)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Response(body(error), error.status_code, headers=headers, content_type="application/problem+json")


def body(error: exceptions.APIException) -> dict[str, Any]:
    """The problem details of an error."""
    problem: dict[str, Any] = {"type": "about:blank", "title": error.default_detail, "status": error.status_code}
    if isinstance(error, exceptions.ValidationError):
        problem |= {"code": "invalid", "detail": "Some fields are not right.", "errors": error.detail}
        problem["title"] = "The request is not valid."
    else:
        problem |= {"code": error.get_codes(), "detail": str(error.detail)}
    if error.status_code == status.HTTP_401_UNAUTHORIZED:
        problem["title"] = "Not signed in."
    return problem
