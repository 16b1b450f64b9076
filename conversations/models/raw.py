"""The audit log of raw data: who asked for what is not anonymized, why, and what was given to them."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from conversations.models.people import OPEN_RAW_DATA, Organization, OrganizationQuerySet, User


class RawAccess(models.Model):
    """A person asked for raw data of a call, or was given it. A trigger lets nobody change or delete a row.

    It outlives the call: ``conversation`` is an id and no reference. The reason is sealed with the key of the call, so
    that what it may say of people goes with the call. ``asked`` is the row with the reason under which data was given.
    """

    class Act(models.TextChoices):
        ASKED = "asked", _("asked for it")
        GIVEN = "given", _("was given it")

    class What(models.TextChoices):
        AUDIO = "audio", _("raw recording")
        TRANSCRIPT = "transcript", _("raw transcript")

    class Via(models.TextChoices):
        PAGE = "page", _("page")
        API = "api", _("API")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    user = models.ForeignKey(User, on_delete=models.PROTECT, verbose_name=_("who"))
    conversation = models.UUIDField(_("call"))
    at = models.DateTimeField(_("when"), db_default=Now())
    act = models.CharField(_("did what"), max_length=10, choices=Act)
    what = models.CharField(_("of what"), max_length=10, choices=What)
    via = models.CharField(_("through"), max_length=10, choices=Via)
    address = models.GenericIPAddressField(_("from where"), null=True)
    asked = models.ForeignKey("self", null=True, on_delete=models.PROTECT)
    sealed_reason = models.BinaryField(default=b"")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("opening of raw data")
        verbose_name_plural = _("openings of raw data")
        ordering = ["-at", "-id"]
        default_permissions = ()
        permissions = [(OPEN_RAW_DATA, "May open raw recordings and transcripts")]
        indexes = [models.Index(fields=["organization", "-at"], name="raw_access_newest")]

    def __str__(self) -> str:
        return f"{self.act} {self.what} of {self.conversation}"
