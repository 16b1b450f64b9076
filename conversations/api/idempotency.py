"""``Idempotency-Key``: for a day, the same request under the same key has the same answer and one effect.

1. An advisory lock on user and key is taken: of two at the same time, the second is told to wait (409). It belongs to
   the database session, so that the end of this process, however sudden, frees it.
2. Was the key used within a day? The answer of then is given again; 422 if that was another request.
3. Otherwise the request is answered. An answer that tells of success is kept; any other may be tried again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.problems import Problem
from conversations.models import IdempotencyKey, User
from conversations.services.calls import keyed_digest

KEPT, LONGEST_KEY = timedelta(days=1), 255


def answer_once(request: Request, fields: dict[str, Any], digest: str, answer: Callable[[], Response]) -> Response:
    """Answer a request, or give again what was answered.

    ``fields`` and the ``digest`` of its file tell whether it is the same.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return answer()
    if len(key) > LONGEST_KEY:
        raise Problem(400, "idempotency_key_too_long", _("An Idempotency-Key has at most 255 characters."))
    user, key_digest = request.user, hashlib.sha256(key.encode()).hexdigest()
    with claimed(f"{user.pk} {key_digest}"):
        request_digest = keyed_digest(user.organization, [msgspec.json.encode([fields, digest])])
        known = IdempotencyKey.objects.filter(user=user, digest=key_digest, created_at__gt=Now() - KEPT).first()
        if known:
            return again(known, request_digest)
        response = answer()
        if response.status_code < 300:
            keep(user, key_digest, request_digest, response)
        return response


def again(known: IdempotencyKey, request_digest: str) -> Response:
    """The answer of then."""
    if known.request_digest != request_digest:
        raise Problem(422, "idempotency_key_reused", _("This Idempotency-Key was used for another request."))
    return Response(known.body["content"], known.status, headers=known.body["headers"])


def keep(user: User, digest: str, request_digest: str, response: Response) -> None:
    """Keep an answer, and drop those of this user that are older than a day."""
    IdempotencyKey.objects.filter(user=user, created_at__lte=Now() - KEPT).delete()
    headers = {name: response[name] for name in ("Location",) if response.has_header(name)}
    IdempotencyKey.objects.create(
        user=user, digest=digest, request_digest=request_digest, status=response.status_code,
        body={"content": response.data, "headers": headers},
    )  # fmt: skip


@contextmanager
def claimed(name: str) -> Iterator[None]:
    """Hold a lock of that name while the block runs. Raises Problem when another request has it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise Problem(409, "request_in_progress", _("This request is being answered already."), wait=1)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
