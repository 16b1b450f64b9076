"""The admin site. It stands outside the package ``admin``, which registers with it when it is imported."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

from conversations.models import Role, User

STAFF = (Role.ADMIN, Role.SUPERVISOR)


class ParleyAdminSite(AdminSite):
    """Django's admin under our name, for admins and supervisors of an organization."""

    site_header = "Parley"
    site_title = "Parley"
    login_form = AuthenticationForm  # who may come in is asked below, not of ``is_staff``

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether someone may open any page of it."""
        user = request.user
        return isinstance(user, User) and user.is_active and user.role in STAFF

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The tables, under the names of what is shown of them."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        for table in (table for app in apps for table in app["models"]):
            table["name"] = getattr(self.get_model_admin(table["model"]), "list_title", "") or table["name"]
        return apps
