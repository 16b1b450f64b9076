"""``manage.py create_token USERNAME``: a token for an API client."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.models import Token, User


class Command(BaseCommand):
    """Issue a token and print it, alone on the last line."""

    help = "Makes an API token for a user and prints it alone on the last line. It is shown once and never stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """The user's name."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue and print."""
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError("There is no active user of that name. Make one in the admin, under Users.")
        self.stdout.write(Token.issue(user))
