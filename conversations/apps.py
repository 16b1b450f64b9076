"""The Django applications: the monolith, and its admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class ConversationsConfig(AppConfig):
    """The monolith."""

    name = "conversations"
    verbose_name = "Parley"

    def ready(self) -> None:
        """Connect what reacts to recorded events: deliveries first, then projections."""
        from conversations import projections
        from conversations.ledger import recording

        recording.connect_deliver()
        projections.connect()


class AdminConfig(DjangoAdminConfig):
    """Django's admin, with our site."""

    default_site = "conversations.admin_site.ParleyAdminSite"
