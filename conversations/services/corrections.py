"""Corrections: a person says that words of a call are personal data, or that hidden ones are none."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import structs

from conversations import words
from conversations.joins import anonymized_in, correction_of
from conversations.ledger.models import Event
from conversations.ledger.recording import record
from conversations.models import Conversation, Redaction, RedactionCorrection, User, Utterance
from conversations.services.calls import initial
from conversations.services.review import review_of
from pipeline import documents
from pipeline.events import Blob, EntitiesTagged, RawDataPurged, RedactionCorrected, SpeakersSwapped
from pipeline.records import Record
from pipeline.storage import blob_store

Kind = RedactionCorrection.Kind
MOST_CORRECTIONS = 1000  # at once


class CorrectionRefused(Exception):
    """Raised when what is hidden cannot be corrected so; the message says why."""


class Mark(NamedTuple):
    """Words ``first`` up to ``stop`` of an utterance as it is shown, and what they are: "" for no personal data."""

    utterance: int
    first: int
    stop: int
    label: str


class Change(NamedTuple):
    """A row of the gold set, and the words ``first`` up to ``stop`` that it is about as they are shown."""

    row: RedactionCorrection
    first: int
    stop: int

    def correction(self, *, raw: bool) -> documents.Correction:
        """What the anonymization is told, in words of the raw transcript or of the one that is shown."""
        first, stop = (self.row.first, self.row.stop) if raw else (self.first, self.stop)
        return documents.Correction(utterance=self.row.utterance, first=first, stop=stop, label=self.row.label)


class Base(NamedTuple):
    """What a call is made anew from; ``raw`` until its raw data is purged. The blobs are as events have them."""

    audio: Blob
    transcript: Blob
    entities: Blob
    raw: bool


def correct(conversation: Conversation, marks: Sequence[Mark], *, by: User, seen: str = "") -> None:
    """Hide or show words of a call, in text, audio, index and all else that is made of them.

    1. The call is locked. ``seen`` (SHA-256) is the transcript that the marks are about; if the call has another by
       now, they are refused: their words would be other words.
    2. Each mark becomes words of the raw transcript, counted by what its placeholders stand for. It is kept in the gold
       set, with what had been hidden there, by which detector; no word is.
    3. RedactionCorrected says all corrections of the run, and the ledger has transcript, audio and tags made anew.
    4. Until then, if more is to be hidden: no audio, and nothing of the call for who is no reviewer.

    Raises CorrectionRefused, PermissionDenied (who may not show), StorageError.
    """
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)
        base = base_of(now)
        if seen and seen != (now.transcript or {}).get("sha256"):
            raise CorrectionRefused(_("The transcript has changed since you opened the page. Look at it again."))
        check_allowed(marks, base, by)
        changes = [change for mark in marks for change in changes_of(now, mark)]
        rows = [change.row for change in changes]
        if not rows:
            raise CorrectionRefused(_("These words are so already: nothing would change."))
        review = review_of(now, by=by)
        for row in rows:
            row.organization_id, row.review, row.made_by = now.organization_id, review, by
        RedactionCorrection.objects.bulk_create(rows)
        said = said_of(now, base, changes)
        close(now, said, hides=any(row.kind == Kind.HIDE for row in rows))
        record(said)


def base_of(conversation: Conversation) -> Base:
    """What a call is made anew from. Raises CorrectionRefused when there is nothing yet, or no more.

    Once the raw data is purged, that is what was made of it; while a correction of that is under way, the same as that.
    """
    tagged = Event.objects.filter(correlationid=conversation.run, type=EntitiesTagged.__name__).first()
    anonymized, corrected = anonymized_in(conversation.run), correction_of(conversation.run)
    if tagged is None or (anonymized is None and corrected is None):
        raise CorrectionRefused(_("The call has no transcript yet. Correct what is hidden once it is there."))
    if not Event.objects.filter(subject=conversation.id, type=RawDataPurged.__name__).exists():
        return based_on(tagged.data, raw=True)
    if anonymized is None:
        return based_on(corrected.data, raw=False)
    if conversation.master is None:
        raise CorrectionRefused(_("The call has no redacted audio yet. Correct what is hidden once it is there."))
    left = {"audio": conversation.master, "transcript": conversation.transcript}
    return based_on({**left, "entities": anonymized.data["entities"]}, raw=False)


def based_on(data: dict[str, object], *, raw: bool) -> Base:
    """The three blobs that the data of an event names."""
    return Base(*(msgspec.convert(data[name], Blob) for name in ("audio", "transcript", "entities")), raw)


def check_allowed(marks: Sequence[Mark], base: Base, by: User) -> None:
    """Raises CorrectionRefused, PermissionDenied."""
    if len(marks) > MOST_CORRECTIONS:
        raise CorrectionRefused(_("These are too many corrections at once."))
    if any(mark.label and mark.label not in words.REDACTED for mark in marks):
        raise CorrectionRefused(_("There is no such kind of personal data."))
    if any(not mark.label for mark in marks):
        if not by.may_reveal:
            raise PermissionDenied(_("Your role may hide words, but not show hidden ones. Ask a supervisor."))
        if not base.raw:
            raise CorrectionRefused(
                _("The recording and raw transcript are deleted, so what is hidden stays so. You can still hide more.")
            )


class Marked(NamedTuple):
    """A word as it is shown: its place, the raw words ``first`` up to ``stop`` that it is, what hides it, its times."""

    place: int
    first: int
    stop: int
    redaction: Redaction | None
    start: float
    end: float


def changes_of(conversation: Conversation, mark: Mark) -> Iterator[Change]:
    """What a mark changes, each for words that were hidden alike; none for what is so already.

    Raises CorrectionRefused.
    """
    utterance = conversation.utterances.filter(index=mark.utterance).first()
    if utterance is None:
        raise CorrectionRefused(_("The call has no such words."))
    channel = None if conversation.channels == 1 else utterance.channel
    for redaction, run in groupby(marked_words(utterance, mark), key=lambda each: each.redaction):
        alike = list(run)
        if mark.label != (redaction.label if redaction else ""):
            row = row_of(mark, alike, channel)
            yield Change(row, alike[0].place, alike[-1].place + 1)


def marked_words(utterance: Utterance, mark: Mark) -> list[Marked]:
    """The words that are marked; those without times are said somewhere in the utterance. Raises CorrectionRefused."""
    shown = shown_words(utterance)
    if not 0 <= mark.first < mark.stop <= len(shown):
        raise CorrectionRefused(_("The call has no such words."))
    hidden = {each.start_char: each for each in utterance.conversation.redactions.filter(utterance=utterance.index)}
    times = [(each.get("start"), each.get("end")) for each in utterance.words] or [(None, None)] * len(shown)
    marked, raw = [], 0
    for place, (start_char, _end) in enumerate(documents.offsets(shown)):
        redaction = hidden.get(start_char)
        if redaction and not redaction.words:
            raise CorrectionRefused(_("The call was anonymized by an earlier version. Process it again first."))
        first, raw = raw, raw + (redaction.words if redaction else 1)
        start, end = times[place]
        if start is None or end is None:
            start, end = utterance.start, utterance.end
        if mark.first <= place < mark.stop:
            marked.append(Marked(place, first, raw, redaction, start, end))
    return marked


def row_of(mark: Mark, alike: Sequence[Marked], channel: int | None) -> RedactionCorrection:
    """An unsaved row: raw words, when they are said, what a person says that they are, and what they were hidden as."""
    hidden = alike[0].redaction
    return RedactionCorrection(
        utterance=mark.utterance, first=alike[0].first, stop=alike[-1].stop, channel=channel,
        start=min(each.start for each in alike), end=max(each.end for each in alike),
        kind=Kind.HIDE if mark.label else Kind.REVEAL, label=mark.label, hidden_as=hidden.label if hidden else "",
        detector=hidden.detector if hidden else "", score=hidden.score if hidden else None,
    )  # fmt: skip


def shown_words(utterance: Utterance) -> list[str]:
    """The words of an utterance as they are shown; a placeholder is one."""
    return [each["text"] for each in utterance.words] or utterance.text.split()


def said_of(conversation: Conversation, base: Base, changes: Iterable[Change]) -> Record:
    """The event of corrections, with those that were made before of the same transcript."""
    new = tuple(change.correction(raw=base.raw) for change in changes)
    run = Event.objects.filter(correlationid=conversation.run)
    swapped = base.raw and run.filter(type=SpeakersSwapped.__name__).exists()
    corrections = documents.Corrections(
        corrections=(*made_before(conversation, base), *new), anonymized=not base.raw,
        channels=tuple(conversation.speakers) if swapped else (),
    )  # fmt: skip
    tagged = run.get(type=EntitiesTagged.__name__).data
    place = str(conversation.organization_id), str(conversation.id)
    event = RedactionCorrected(
        audio=base.audio, transcript=base.transcript, entities=base.entities,
        settings=msgspec.convert(tagged["settings"], Blob), language=tagged["language"], duration=tagged["duration"],
        corrections=blob_store().put("safe", *place, [documents.encode(corrections)], "application/json"),
    )  # fmt: skip
    return structs.replace(initial(conversation, event), correlationid=str(conversation.run))


def made_before(conversation: Conversation, base: Base) -> tuple[documents.Correction, ...]:
    """The corrections of the run that are about the same transcript."""
    last = correction_of(conversation.run)
    if last is None or last.data["transcript"]["key"] != base.transcript.key:
        return ()
    blob = msgspec.convert(last.data["corrections"], Blob)
    stored = blob_store().read(blob, str(conversation.organization_id), str(conversation.id))
    return documents.decode(stored, documents.Corrections).corrections


def close(conversation: Conversation, said: Record, *, hides: bool) -> None:
    """The call is being processed again; what is to be hidden is neither heard nor read meanwhile."""
    fields = {"status": Conversation.Status.PROCESSING, "failure_service": "", "failure_code": ""}
    if hides or conversation.hiding:
        fields |= {"hiding": said.id, "player": None, "master": None, "peaks": None, "receipt": None}
    Conversation.objects.filter(id=conversation.id).update(**fields)
