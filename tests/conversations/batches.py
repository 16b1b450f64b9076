"""Sending batches in tests, and reading what became of their files."""

import io
import zipfile

from conversations.models import Batch, User
from conversations.services import batches


def receive(user: User, *files: tuple[str, bytes], manifest: bytes | None = None, language: str = "") -> Batch:
    uploads = [(name, io.BytesIO(content)) for name, content in files]
    table = None if manifest is None else io.BytesIO(manifest)
    return batches.receive_batch(user.organization, user, "June", uploads, manifest=table, language=language)


def fates(batch: Batch) -> list[tuple[str, str, str]]:
    """Name, outcome and reason of each item, in order."""
    return [(str(batches.file_name_of(item)), item.outcome, item.reason) for item in batch.items.all()]


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()
