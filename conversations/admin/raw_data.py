"""The audit log of raw data, for admins to read; nobody writes in it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.admin.scope import ADMIN, ScopedAdmin
from conversations.models import Conversation, RawAccess
from conversations.services.raw_data import reason_of


@admin.register(RawAccess)
class RawAccessAdmin(ScopedAdmin):
    """Who asked for raw data, why, and what was given to them. It holds nothing of the data."""

    viewers = ADMIN
    changers = ()
    list_title = _("Raw data opened")
    list_display = ("at", "user", "act", "what", "conversation", "via", "address")
    list_filter = ("act", "what", "via", ("user", admin.RelatedOnlyFieldListFilter), "at")
    search_fields = ("=conversation", "user__username")
    list_select_related = ("user",)
    list_per_page = 50
    fields = ("at", "user", "act", "what", "call", "via", "address", "reason")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody; the database refuses it too."""
        return False

    @admin.display(description=_("call"))
    def call(self, access: RawAccess) -> str:
        """Its id, and where to look at it while it is there."""
        if not Conversation.objects.filter(id=access.conversation).exists():
            return gettext("%(id)s, since erased") % {"id": access.conversation}
        address = reverse("conversations:detail", args=[access.conversation])
        return format_html('<a href="{}">{}</a>', address, access.conversation)

    @admin.display(description=_("reason"))
    def reason(self, access: RawAccess) -> str:
        """What was said when it was asked for."""
        said = reason_of(access.asked or access)
        return gettext("It went with the key of the call, which was erased.") if said is None else said
