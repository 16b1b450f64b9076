"""Who may do what, beyond being signed in."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from conversations.models import Role


class MaySend(BasePermission):
    """Agents listen and tag; sending and retrying calls is for the others."""

    message = _("Your role may not send calls. Ask your admin.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Everyone may look."""
        return request.method in SAFE_METHODS or request.user.may_upload


class MayReview(BasePermission):
    """Quarantined calls are released by reviewers."""

    message = _("Only a reviewer may release a call. Ask a supervisor.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Admins, supervisors, and whom an admin named."""
        return request.user.may_review


class MayErase(BasePermission):
    """Only admins erase calls."""

    message = _("Only an admin may erase calls.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Everyone may look."""
        return request.method != "DELETE" or request.user.role == Role.ADMIN


class MayOpenRaw(BasePermission):
    """Raw data is for who holds the permission by name, whatever their role."""

    message = _("Raw data is opened with a permission of its own only. Ask your admin.")

    def has_permission(self, request: Request, view: Any) -> bool:
        """Nobody by role."""
        return request.user.may_open_raw
