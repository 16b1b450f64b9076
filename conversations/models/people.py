"""Organizations, their people and their keys."""

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import AbstractUser, Permission
from django.db import models
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from pipeline import documents

OPEN_RAW_DATA = "open_raw_data"
"""The permission to hear the recordings, and read the transcripts, in which nothing is hidden."""
REVIEW_QUARANTINE = "review_quarantine"
"""The permission to read, hear and release quarantined calls."""


class OrganizationQuerySet(models.QuerySet[Any]):
    """Rows of one organization. Views start from here and never from ``all()``."""

    def of(self, organization: "Organization") -> "OrganizationQuerySet":
        """The rows of an organization."""
        return self.filter(organization=organization)


class Organization(models.Model):
    """Whoever owns calls. Its settings are frozen into each run when that starts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(_("name"), max_length=200, unique=True)
    languages = models.JSONField(_("languages"), default=list, blank=True, help_text=_('For example ["en", "fr"].'))
    vocabulary = models.JSONField(
        _("vocabulary"), default=list, blank=True, help_text=_("Words that are said: products, places.")
    )
    taxonomy = models.JSONField(_("taxonomy"), default=dict, blank=True, help_text=_("Tags and their rules."))
    redaction = models.JSONField(_("redaction policy"), default=dict, blank=True)
    raw_days = models.PositiveIntegerField(_("days that raw data is kept"), null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("organization")

    def __str__(self) -> str:
        return self.name

    @property
    def spoken(self) -> list[str]:
        """The codes of the languages that its calls may be in."""
        return list(self.languages or ["en", "fr"])

    def settings(self, max_duration: float) -> documents.Settings:
        """The processing settings of a run that starts now. Raises msgspec.ValidationError."""
        return msgspec.convert(
            {
                "languages": self.spoken,
                "vocabulary": self.vocabulary,
                "taxonomy": self.taxonomy,
                "redaction": self.redaction,
                "max_duration": max_duration,
            },
            documents.Settings,
        )


class Role(models.TextChoices):
    """What a person is to an organization."""

    ADMIN = "admin", _("admin")
    SUPERVISOR = "supervisor", _("supervisor")
    AGENT = "agent", _("agent")
    CLIENT = "client", _("API client")


class User(AbstractUser):
    """A person or a program of an organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="users")
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.AGENT)

    REQUIRED_FIELDS = ["email", "organization_id"]

    @property
    def may_upload(self) -> bool:
        """Admins, supervisors and API clients send calls."""
        return self.role in (Role.ADMIN, Role.SUPERVISOR, Role.CLIENT)

    @property
    def may_see_details(self) -> bool:
        """Agents listen and tag; caller metadata (external id, file name, customer) is for the others."""
        return self.role in (Role.ADMIN, Role.SUPERVISOR, Role.CLIENT)

    def holds(self, permission: str) -> bool:
        """Whether a permission was given to them by name."""
        return bool(Permission.objects.filter(user=self, **named(permission)).exists())

    def let(self, permission: str, may: bool) -> None:
        """Give them a permission by name, or take it away."""
        given = Permission.objects.get(**named(permission))
        (self.user_permissions.add if may else self.user_permissions.remove)(given)

    @property
    def may_open_raw(self) -> bool:
        """Nobody opens raw data by their role, not even a superuser."""
        return self.is_active and self.holds(OPEN_RAW_DATA)

    @cached_property
    def may_review(self) -> bool:
        """Admins, supervisors and whom an admin names review quarantined calls; to all others these are closed."""
        return self.role in (Role.ADMIN, Role.SUPERVISOR) or self.has_perm(f"conversations.{REVIEW_QUARANTINE}")

    @property
    def may_reveal(self) -> bool:
        """Everybody may say that words are personal data; that hidden ones are none is for admins and supervisors."""
        return self.role in (Role.ADMIN, Role.SUPERVISOR)


def named(permission: str) -> dict[str, str]:
    """What finds a permission of Parley's."""
    return {"content_type__app_label": "conversations", "codename": permission}


class Token(models.Model):
    """A key to the API. Only its digest is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("token")

    def __str__(self) -> str:
        return f"{self.user} ({self.created_at:%Y-%m-%d})"

    @classmethod
    def issue(cls, user: User, expires_at: datetime | None = None) -> str:
        """Make a token; what is returned is shown once and never stored."""
        key = f"parley_{secrets.token_urlsafe(32)}"
        cls.objects.create(user=user, digest=cls.digest_of(key), expires_at=expires_at)
        return key

    @staticmethod
    def digest_of(key: str) -> str:
        """SHA-256 in hex: a token has 256 random bits, so no slow hash is needed."""
        return hashlib.sha256(key.encode()).hexdigest()


class IdempotencyKey(models.Model):
    """What was answered to a request with an ``Idempotency-Key``, to be answered again for a day."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.status} for {self.user_id}"
