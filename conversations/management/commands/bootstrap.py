"""``manage.py bootstrap``: what a new installation needs to be used."""

import os
import secrets
from typing import Any

from django.core.management.base import BaseCommand

from conversations.models import Organization, Role, User
from conversations.taxonomies import starter_taxonomy


class Command(BaseCommand):
    """Make the first organization and its admin, once."""

    help = "Makes the first organization and the user admin. PARLEY_ADMIN_PASSWORD sets the password; else it is made."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is not there yet; print a password only when it was made now."""
        organization = Organization.objects.order_by("created_at").first()
        if organization is None:
            organization = Organization.objects.create(name="My organization", taxonomy=starter_taxonomy())
        if User.objects.filter(username="admin").exists():
            return
        password = os.environ.get("PARLEY_ADMIN_PASSWORD") or secrets.token_urlsafe(9)
        User.objects.create_superuser(
            "admin", "admin@example.com", password, organization=organization, role=Role.ADMIN
        )
        self.stdout.write(f"admin password: {password}")
