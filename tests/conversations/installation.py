"""A whole installation of a test's own: a database, a blob store and a key store that can be lost and set back."""

import io
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg.sql import SQL, Identifier

from conversations.ledger.recording import record
from conversations.models import Conversation, Organization
from conversations.services.calls import CallDetails, receive_call
from pipeline import documents
from pipeline.events import (
    AudioRedacted,
    Blob,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    EntitiesTagged,
    TranscriptAnonymized,
)
from pipeline.records import Record
from pipeline.storage import blob_store

SAID = documents.Utterance(index=0, speaker="agent", channel=0, start=0.0, end=2.0, text="My name is [PERSON_1]")
TAG = documents.Tag(tag="refund", name="Refund", provenance="rule:refund")


class Installation:
    """Databases are made in the tests' server; blobs and keys lie in a folder. ``backup`` is where backups go.

    What is in these databases is committed, unlike in that of the other tests: ``pg_dump`` is another process.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.blobs, self.keys, self.backup = folder / "blobs", folder / "keys", folder / "backup"
        self.server, self.databases = server, []

    def use_new_database(self, template: str = "template0") -> None:
        """Go on with another database, by default an empty one."""
        use(f"{template}_{uuid4().hex}")
        self.databases.append(connection.settings_dict["NAME"])
        administer(self.server, f"create database {self.databases[-1]} template {template}")

    @property
    def database_url(self) -> str:
        """The URL of the database in use."""
        return self.server.replace("@/postgres", f"@/{self.databases[-1]}")

    def lose_blobs(self) -> None:
        """The disk with the blobs is gone."""
        shutil.rmtree(self.blobs)


def use(database: str) -> str:
    """Connect Django to another database of the server; the name of the last one."""
    connection.close()
    connection.close_pool()
    last, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], database
    return str(last)


def administer(server: str, statement: str) -> None:
    """Run a statement that belongs to no database."""
    with psycopg.connect(server, autocommit=True) as connected:
        connected.execute(statement)


def told(command: str, *arguments: Any, **options: Any) -> str:
    """What a command prints."""
    output = StringIO()
    call_command(command, *(str(each) for each in arguments), stdout=output, stderr=output, **options)
    return output.getvalue()


def rows() -> dict[str, list[str]]:
    """All that a database holds, as text: every row of every table."""
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public' order by 1")
        tables = [row[0] for row in cursor.fetchall()]
        content = {}
        for table in tables:
            cursor.execute(SQL("select t::text from {} t order by 1").format(Identifier(table)))
            content[table] = [row[0] for row in cursor.fetchall()]
    return content


def files(folder: Path) -> dict[str, bytes]:
    """The files in a folder and all below, by path, with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def received(organization: Organization, audio: bytes = b"RIFF") -> Conversation:
    """A call that has come in, and nothing more."""
    return receive_call(organization, io.BytesIO(audio), CallDetails(external_id="A-1", agent="Emily")).conversation


def completed(organization: Organization, audio: bytes = b"RIFF") -> Conversation:
    """A call that went through the whole cascade, blobs and all, as the ledger records it."""
    conversation = received(organization, audio)
    for said in cascade(conversation, audio):
        record(said)
    return Conversation.objects.get(id=conversation.id)


def cascade(conversation: Conversation, audio: bytes) -> Iterator[Record]:
    """What the services say about a received call."""
    first = Record.initial(
        ConversationReceived(audio=blob_of(conversation, "audio"), settings=put(conversation, "safe", b"{}")),
        source="monolith", subject=str(conversation.id), tenant=str(conversation.organization_id),
        id=str(conversation.run),
    )  # fmt: skip
    transcript = documents.encode(documents.Transcript(language="en", duration=2.0, utterances=(SAID,)))
    entities = documents.encode(documents.Entities())
    fields = {"audio": first.data.audio, "settings": first.data.settings, "language": "en", "duration": 2.0}
    fields["transcript"] = put(conversation, "raw", transcript)
    yield (transcribed := Record.caused(ConversationTranscribed(**fields), by=first, source="transcription"))
    fields["entities"] = put(conversation, "raw", entities)
    yield (tagged := Record.caused(EntitiesTagged(**fields), by=transcribed, source="entity_tagging"))
    fields |= {"transcript": put(conversation, "safe", transcript), "entities": put(conversation, "safe", entities)}
    yield (anonymized := Record.caused(TranscriptAnonymized(**fields), by=tagged, source="anonymization"))
    names = ("master", "player", "peaks")
    audio_blobs = {name: put(conversation, "safe", name.encode() + audio) for name in names}
    yield Record.caused(AudioRedacted(**audio_blobs), by=anonymized, source="audio_redaction")
    tags = put(conversation, "safe", documents.encode(documents.Tags(tags=(TAG,))))
    yield Record.caused(ConversationQualified(tags=tags), by=anonymized, source="qualification")


def put(conversation: Conversation, kind: Any, content: bytes) -> Blob:
    """A blob of a call."""
    place = str(conversation.organization_id), str(conversation.id)
    return blob_store().put(kind, *place, [content], "application/octet-stream")


def blob_of(conversation: Conversation, field: str) -> Blob:
    """The blob that a call's row names."""
    return Blob(**getattr(conversation, field))


def flip_a_bit(path: Path) -> None:
    """What a bad disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
