"""Batches: many calls at once, as files, zips and a manifest. Each file's fate is written down as it is known.

A batch is opened, takes files one after the other (or at the same time, from several requests), and is closed. What
is wrong with one file or one line of the manifest is an item of the batch and leaves the others alone.
"""

from collections.abc import Iterable
from typing import IO

import msgspec

from conversations.models import Batch, BatchItem, Conversation, Organization, User
from conversations.services.batches.archives import (
    Archive,
    ArchiveTooLarge,
    Budget,
    Entry,
    EntryRefused,
    is_archive,
    read_archive,
    unpacked,
)
from conversations.services.batches.items import FileName, file_name_of, key_of, note_item, sealed_for
from conversations.services.batches.manifest import MOST_BYTES, Line, Manifest, ManifestRefused, read_manifest
from conversations.services.batches.reasons import Reason, reason_sentence
from conversations.services.calls import CallDetails, UploadRefused, receive_call, running_digest
from pipeline.config import config
from pipeline.documents import Settings
from pipeline.sealing import open_sealed
from pipeline.storage import BlobCorrupt, StorageError

__all__ = [
    "FileName", "ManifestRefused", "Reason", "add_file", "close_batch", "file_name_of", "languages_of", "missing_lines",
    "open_batch", "reason_sentence", "receive_batch", "refuse_file",
]  # fmt: skip

Outcome = BatchItem.Outcome
Upload = tuple[str, IO[bytes]]
"""A file as it was called, and its bytes."""


def receive_batch(
    organization: Organization, user: User, name: str, files: Iterable[Upload], *, manifest: IO[bytes] | None = None,
    language: str = "",
) -> Batch:  # fmt: skip
    """Take in a whole batch. Raises ManifestRefused when ``manifest`` cannot be read: then nothing was taken in.

    ``language`` is that of calls of which the manifest says none ("" = detect). A CSV file among the files, or in a
    zip, is a manifest too, unless the batch has one; one that cannot be read is refused like any file.
    """
    batch = open_batch(organization, user, name, manifest=manifest, language=language)
    for file_name, file in sorted(files, key=lambda upload: (not is_manifest(upload[0]), not is_archive(upload[0]))):
        add_file(batch, file_name, file)
    close_batch(batch)
    return batch


def open_batch(
    organization: Organization, user: User, name: str, *, manifest: IO[bytes] | None = None, language: str = ""
) -> Batch:
    """Begin a batch. Raises ManifestRefused."""
    batch = Batch(organization=organization, created_by=user, name=name, language=language)
    if manifest is not None:
        keep_manifest(batch, manifest)
    batch.save()
    batch.refresh_from_db(fields=["created_at"])
    return batch


def add_file(batch: Batch, name: str, file: IO[bytes]) -> list[BatchItem]:
    """Take one file, a zip with all it holds, or a manifest into a batch: what became of it, an item a file."""
    return Intake(batch).add(name, file)


def refuse_file(batch: Batch, name: str, reason: Reason) -> BatchItem:
    """Write down a file that was turned away before it got here."""
    return note_item(batch, FileName(name), Outcome.REFUSED, reason=reason)


def close_batch(batch: Batch) -> list[BatchItem]:
    """End the upload: report the manifest's lines that came to nothing, and keep the manifest no longer."""
    items = [
        note_item(
            batch, FileName(line.file), Outcome.REFUSED, reason=line.problem or Reason.LINE_WITHOUT_FILE,
            line=line.number,
        )
        for line in missing_lines(batch)
    ]  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(sealed_manifest=b"")
    batch.sealed_manifest = b""
    return items


def missing_lines(batch: Batch) -> list[Line]:
    """The lines of an open batch's manifest of which no item speaks yet."""
    told = lines_told(batch)
    return [line for line in manifest_of(batch).lines if line.number not in told]


def languages_of(organization: Organization) -> tuple[str, ...]:
    """The languages that an organization's calls may be in."""
    return tuple(organization.languages) or Settings().languages


class Intake:
    """One request's work on a batch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.manifest = manifest_of(batch)
        self.told = lines_told(batch)
        self.places = config().max_batch_files - batch.items.count()

    def add(self, name: str, file: IO[bytes]) -> list[BatchItem]:
        """Take a file in, whatever it is."""
        file_name = FileName(name)
        if is_archive(name):
            return self.add_archive(file_name, file)
        add = self.add_manifest if is_manifest(name) else self.add_call
        return [add(file_name, file)]

    def add_archive(self, name: FileName, file: IO[bytes]) -> list[BatchItem]:
        """Take in what a zip holds: its manifest first, the rest in the order in which it lies there."""
        if file.seek(0, 2) > config().max_upload_bytes:
            return [self.refuse(name, Reason.FILE_TOO_LARGE)]
        archive, budget = read_archive(file), Budget(file)
        items = []
        for entry in sorted(archive.entries, key=lambda entry: not is_manifest(entry.name)):
            entry_name = FileName(entry.name, archive=name.name)
            if self.places <= 0:
                return [*items, self.refuse(entry_name, Reason.TOO_MANY_FILES)]
            try:
                items.append(self.add_entry(entry_name, entry, budget))
            except ArchiveTooLarge:
                return [*items, self.refuse(entry_name, Reason.ARCHIVE_TOO_LARGE)]
        return [*items, *self.problem_of(archive, name)]

    def add_entry(self, name: FileName, entry: Entry, budget: Budget) -> BatchItem:
        """Take in a file of a zip. Raises ArchiveTooLarge."""
        manifest = is_manifest(entry.name)
        try:
            digest = running_digest(self.batch.organization)
            with unpacked(entry, budget, digest, MOST_BYTES if manifest else None) as file:
                return self.add_manifest(name, file) if manifest else self.add_call(name, file)
        except EntryRefused as refused:
            line = None if manifest else self.line_for(name)
            return self.refuse(name, refused.reason, line)
        except StorageError:
            return self.refuse(name, Reason.STORAGE_UNAVAILABLE)

    def problem_of(self, archive: Archive, name: FileName) -> list[BatchItem]:
        """An item for a zip of which something is wrong with the whole."""
        return [self.refuse(name, Reason(archive.problem))] if archive.problem else []

    def add_manifest(self, name: FileName, file: IO[bytes]) -> BatchItem:
        """Let a CSV file be the manifest, if the batch has none."""
        if self.manifest.lines:
            return self.refuse(name, Reason.MANIFEST_IS_SECOND)
        try:
            self.manifest = keep_manifest(self.batch, file)
        except ManifestRefused as refused:
            return self.refuse(name, refused.reason)
        self.batch.save(update_fields=["sealed_manifest"])
        return self.note(name, Outcome.ACCEPTED, reason=Reason.IS_MANIFEST)

    def add_call(self, name: FileName, file: IO[bytes]) -> BatchItem:
        """Take in a call with what the manifest says of it."""
        line = self.line_for(name)
        if self.places <= 0:
            return self.refuse(name, Reason.TOO_MANY_FILES, line)
        if line is not None and line.problem:
            return self.refuse(name, Reason(line.problem), line)
        try:
            received = receive_call(
                self.batch.organization, file, self.details(name, line), batch=self.batch, lane=Conversation.Lane.BATCH
            )
        except UploadRefused as refused:
            return self.refuse(name, Reason(refused.code), line)
        except StorageError:
            return self.refuse(name, Reason.STORAGE_UNAVAILABLE, line)
        outcome = Outcome.ACCEPTED if received.created else Outcome.DUPLICATE
        unknown = Reason.NOT_IN_MANIFEST if self.manifest.lines and line is None else ""
        return self.note(name, outcome, reason=unknown, line=line, conversation=received.conversation)

    def details(self, name: FileName, line: Line | None) -> CallDetails:
        """What is known of a call."""
        known = line.details if line else CallDetails()
        return msgspec.structs.replace(known, file_name=name.name, language=known.language or self.batch.language)

    def line_for(self, name: FileName) -> Line | None:
        """The line of the manifest that speaks of a file, if no other file has had it."""
        line = self.manifest.line_for(name.name)
        return None if line is None or line.number in self.told else line

    def refuse(self, name: FileName, reason: Reason, line: Line | None = None) -> BatchItem:
        """Write down a refusal."""
        return self.note(name, Outcome.REFUSED, reason=reason, line=line)

    def note(
        self, name: FileName, outcome: BatchItem.Outcome, *, reason: str = "", line: Line | None = None,
        conversation: Conversation | None = None,
    ) -> BatchItem:  # fmt: skip
        """Write down what became of a file."""
        self.places -= 1
        number = line.number if line else None
        if number is not None:
            self.told.add(number)
        return note_item(self.batch, name, outcome, reason=reason, line=number, conversation=conversation)


def is_manifest(name: str) -> bool:
    """Whether a file is called as manifests are."""
    return name.lower().endswith(".csv")


def keep_manifest(batch: Batch, file: IO[bytes]) -> Manifest:
    """Read a manifest and seal it into an unsaved batch. Raises ManifestRefused."""
    file.seek(0)
    data = file.read(MOST_BYTES + 1)
    manifest = read_manifest(data, languages_of(batch.organization))
    batch.sealed_manifest = sealed_for(batch, None, data)
    return manifest


def manifest_of(batch: Batch) -> Manifest:
    """The manifest of an open batch; an empty one when it has none."""
    if not batch.sealed_manifest:
        return Manifest()
    data = b"".join(open_sealed([bytes(batch.sealed_manifest)], key_of(batch), BlobCorrupt))
    return read_manifest(data, languages_of(batch.organization))


def lines_told(batch: Batch) -> set[int]:
    """The lines of the manifest of which items speak."""
    return set(batch.items.exclude(line=None).values_list("line", flat=True))
