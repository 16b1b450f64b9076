"""Who speaks on each channel of a recording, as its sender writes it."""

import re

from django.utils.translation import gettext as _

from pipeline.events import ROLES

BETWEEN = re.compile(r"\s*[,;/+]\s*|\s+")


class RolesRefused(Exception):
    """Raised when channels are not roles, or one is named twice; the message says which there are."""


def roles_of(text: str) -> tuple[str, ...]:
    """The roles of the channels, separated by comma, semicolon, slash, plus or space. Raises RolesRefused."""
    roles = tuple(BETWEEN.split(text.strip().lower())) if text.strip() else ()
    if len(set(roles)) < len(roles) or not set(roles) <= set(ROLES):
        text = _("Give the role of each channel once, separated by commas. The roles are: %(roles)s.")
        raise RolesRefused(text % {"roles": ", ".join(ROLES)})
    return roles
