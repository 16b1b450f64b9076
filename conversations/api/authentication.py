"""``Authorization: Token …``: a digest is looked up, the token itself is nowhere."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from conversations.models import Token, User


class TokenAuthentication(BaseAuthentication):
    """The user of a valid token."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        """User and token, or None when the header speaks of something else. Raises AuthenticationFailed."""
        scheme, _space, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "token":
            return None
        valid = Q(expires_at=None) | Q(expires_at__gt=Now())
        token = Token.objects.filter(valid, digest=Token.digest_of(key.strip())).select_related("user").first()
        if token is None or not token.user.is_active:
            raise AuthenticationFailed(_("The token is unknown or has expired. Make one: manage.py create_token."))
        Token.objects.filter(id=token.id).exclude(last_used_at__gt=timezone.now() - timedelta(minutes=1)).update(
            last_used_at=Now()
        )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):
    """The scheme in the OpenAPI document."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An API key in a header."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token …"}
