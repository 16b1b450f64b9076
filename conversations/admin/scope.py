"""What all admin pages share: the rows of one's own organization, and what each role may do with them."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

from conversations.models import Organization, Role

ADMIN, STAFF = (Role.ADMIN,), (Role.ADMIN, Role.SUPERVISOR)


class ScopedAdmin(ModelAdmin):
    """Pages over rows of the person's organization, superusers' too.

    ``viewers`` see them, ``changers`` change them; adding and deleting is for those whom a subclass lets.
    """

    organization_lookup = "organization"
    viewers: tuple[str, ...] = STAFF
    changers: tuple[str, ...] = ADMIN
    adders: tuple[str, ...] = ()
    deleters: tuple[str, ...] = ()
    list_title: Any = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the organization."""
        return super().get_queryset(request).filter(**{self.organization_lookup: self.owner(request)})

    def owner(self, request: HttpRequest) -> Any:
        """What ``organization_lookup`` is compared to."""
        return request.user.organization

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, under the name of what is in it."""
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField:
        """A choice among the organization's own rows."""
        related = db_field.remote_field.model
        if has_organization(related):
            kwargs["queryset"] = related._default_manager.filter(organization=request.user.organization)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether it stands on the first page."""
        return self.admin_site.has_permission(request) and self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether someone may see rows."""
        return request.user.role in self.viewers

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether someone may change rows."""
        return request.user.role in self.changers

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether someone may add rows."""
        return request.user.role in self.adders

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether someone may delete rows."""
        return request.user.role in self.deleters


def has_organization(model: type[Model]) -> bool:
    """Whether rows of a model belong to an organization."""
    try:
        return model._meta.get_field("organization").related_model is Organization
    except FieldDoesNotExist:
        return False
