"""Admin pages of the organization, its people and their tokens."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations import words
from conversations.admin import validation
from conversations.admin.policy import PolicyField, changes_of
from conversations.admin.scope import ADMIN, ScopedAdmin
from conversations.forms import VocabularyField
from conversations.models import Organization, Token, User
from conversations.models.people import OPEN_RAW_DATA, REVIEW_QUARANTINE
from pipeline.documents import PROTECTED_LANGUAGES

MOST_DAYS = 36500

admin.site.unregister(Group)  # what people may do follows from their role and from two permissions given by name


class IndentedJSON(json.JSONEncoder):
    """JSON for people to read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2, "ensure_ascii": False})


class OrganizationForm(forms.ModelForm):
    """The organization's settings, each checked as the pipeline will read it."""

    vocabulary = VocabularyField(
        label=_("Vocabulary"), required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 60, "spellcheck": "false"}),
        help_text=_(
            "Words and short phrases that are said in your calls and easily misheard: products, agents, places. One a "
            "line, 100 at most, what matters most first: the model takes in some 65 phrases of two words, or 100 "
            "words. They count from the next call on."
        ),
    )  # fmt: skip
    redaction = PolicyField(
        label=_("Redaction policy"), required=False,
        help_text=_("What is hidden, in words and in sound, and how. It counts from the next call on."),
    )  # fmt: skip
    raw_days = forms.IntegerField(
        label=_("Days that raw data is kept"), required=False, min_value=0, max_value=MOST_DAYS,
        help_text=_(
            "So many days after a call was first anonymized, its recording and raw transcript are deleted for good, "
            "also if it is quarantined; what is anonymized stays, and the call cannot be processed again. 0: at once. "
            "Empty: they are kept."
        ),
    )  # fmt: skip
    checks = (
        ("languages", validation.check_languages, 2),
        ("taxonomy", validation.check_taxonomy, 24),
    )

    class Meta:
        model = Organization
        fields = ("name", "languages", "vocabulary", "taxonomy", "redaction", "raw_days")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, check, rows in self.checks:
            if name in self.fields:
                self.fields[name].encoder = IndentedJSON
                self.fields[name].validators.append(check)
                self.fields[name].widget.attrs |= {"rows": rows, "class": "json", "spellcheck": "false"}
        if "languages" in self.fields:
            self.fields["languages"].help_text = _(
                'For example ["en", "fr"]. Personal data is looked for in English and French only: a call in another '
                "language is kept for a reviewer."
            )


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    """The one organization that a person belongs to."""

    organization_lookup = "pk"
    viewers = ADMIN
    form = OrganizationForm
    list_display = ("name", "created_at")

    def owner(self, request: HttpRequest) -> Any:
        """Its key."""
        return request.user.organization_id

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        """Say what becomes of calls in languages in which no personal data is found."""
        super().save_model(request, obj, form, change)
        if unread := [words.language_name(code) for code in obj.spoken if code not in PROTECTED_LANGUAGES]:
            text = _("No personal data is looked for in: %(languages)s. Every call in it is kept for a reviewer.")
            self.message_user(request, text % {"languages": ", ".join(unread)}, messages.WARNING)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What was changed, for the log; of the redaction policy each setting, and of raw data for how long."""
        message = super().construct_change_message(request, form, formsets, add)
        details = changes_of(form.initial.get("redaction"), form.cleaned_data.get("redaction"))
        if "raw_days" in form.changed_data:
            details.append(f"raw_days: {form.cleaned_data['raw_days']}")
        for each in message:
            if "changed" in each:
                each["changed"]["fields"] += details
        return message


BY_NAME = (REVIEW_QUARANTINE, OPEN_RAW_DATA)
"""Permissions that are given to a person; each is a field of the form."""


class PersonForm(UserChangeForm):
    """A person, and which permissions they hold by name, beside their role."""

    review_quarantine = forms.BooleanField(
        label=_("May review quarantined calls"), required=False,
        help_text=_("Reads, hears and releases them. Admins and supervisors may by their role."),
    )  # fmt: skip
    open_raw_data = forms.BooleanField(
        label=_("May open raw recordings and transcripts"), required=False,
        help_text=_("Each time with a reason, into the audit log. No role has it, nor a superuser."),
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for permission in BY_NAME:
            self.fields[permission].initial = self.instance.holds(permission)


@admin.register(User)
class UserAdmin(ScopedAdmin, DjangoUserAdmin):
    """People, each with one role. Who leaves is switched off (not active), so that what they did keeps its name."""

    viewers = adders = ADMIN
    form = PersonForm
    list_display = ("username", "first_name", "last_name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": ("role", "is_active", *BY_NAME)}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "role")}),
        (_("Password"), {"classes": ("wide",), "fields": ("usable_password", "password1", "password2")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Superusers are changed by superusers."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new person belongs to the organization of who adds them."""
        if not change:
            obj.organization = request.user.organization
        super().save_model(request, obj, form, change)
        for permission in BY_NAME:
            if permission in form.changed_data:
                obj.let(permission, form.cleaned_data[permission])


class TokenForm(forms.ModelForm):
    """Whose token it is, and until when."""

    last_day = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("After it the token is worth nothing. Without one it does not expire."),
    )  # fmt: skip

    class Meta:
        model = Token
        fields = ("user",)

    def clean_last_day(self) -> date | None:
        """A day to come."""
        day = self.cleaned_data["last_day"]
        if day and day < timezone.localdate():
            raise forms.ValidationError(_("This day is past."))
        return day

    def expiry(self) -> datetime | None:
        """The end of the last day."""
        day = self.cleaned_data["last_day"]
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None


@admin.register(Token)
class TokenAdmin(ScopedAdmin):
    """Keys to the API. To delete one is to revoke it."""

    organization_lookup = "user__organization"
    viewers = adders = deleters = ADMIN
    changers = ()
    list_display = ("user", "created_at", "expires_at", "last_used_at")
    list_display_links = None
    form = TokenForm
    fields = ("user", "last_day")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """One at a time: the next page shows the token."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**one, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        """Issue the token; the key itself lives as long as this request."""
        obj.key = Token.issue(obj.user, form.expiry())
        obj.pk = Token.objects.values_list("pk", flat=True).get(digest=Token.digest_of(obj.key))
        obj.refresh_from_db()

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the token."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Token"), "token": obj}
        return TemplateResponse(request, "admin/conversations/token/issued.html", context)
