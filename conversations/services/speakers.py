"""Swapping the speakers of a call: who is agent and who is customer, where a recording has them the wrong way round."""

from collections.abc import Sequence

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import structs

from conversations.joins import anonymized_in
from conversations.ledger.models import Event
from conversations.ledger.recording import record
from conversations.models import Conversation
from conversations.services.calls import initial
from pipeline import documents
from pipeline.events import Blob, ConversationReceived, SpeakersSwapped
from pipeline.storage import blob_store

USUAL = ("agent", "customer")


class SwapRefused(Exception):
    """Raised when the speakers of a call cannot be swapped; the message says why."""


def swap_speakers(conversation: Conversation, wanted: Sequence[str] = ()) -> None:
    """Exchange the two speakers of a call. Raises SwapRefused, StorageError.

    ``wanted`` is the speaker of each channel as it is to be; a call that has them so stays as it is. So a form that is
    sent twice swaps once. What follows, also the rule tags that look at who speaks, follows from SpeakersSwapped:

    1. The call is locked, so that two swaps see each other.
    2. The transcript of its run is stored once more, with the speakers exchanged. Nothing is transcribed again.
    3. The event is said within the run, and carries that transcript and the settings of the run.
    """
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)
        pair = pair_of(now)
        if pair is None:
            raise SwapRefused(_("Only where two speakers are told apart can they be swapped."))
        if tuple(wanted) == pair:
            return
        received = said_in_run(now, ConversationReceived)
        if received is None or anonymized_in(now.run) is None:
            raise SwapRefused(_("The call is being processed again. Swap its speakers when that is done."))
        event = SpeakersSwapped(
            settings=msgspec.convert(received.data["settings"], Blob),
            transcript=store_swapped(now, pair),
            channels=pair[::-1],
        )
        record(structs.replace(initial(now, event), correlationid=str(now.run)))


def pair_of(conversation: Conversation) -> tuple[str, ...] | None:
    """The two speakers of a call, in order of their channels; None when there are not two that are told apart."""
    pair = tuple(conversation.speakers) or USUAL
    heard = set(conversation.utterances.order_by().values_list("speaker", flat=True).distinct())
    two = conversation.channels == len(pair) == len(set(pair)) == 2
    return pair if two and heard and heard <= set(pair) else None


def said_in_run(conversation: Conversation, kind: type) -> Event | None:
    """An event of a type in the current run of a call."""
    return Event.objects.filter(correlationid=conversation.run, type=kind.__name__).first()


def store_swapped(conversation: Conversation, pair: tuple[str, ...]) -> Blob:
    """The transcript of a call with its speakers exchanged, as a document of its own."""
    place = str(conversation.organization_id), str(conversation.id)
    stored = msgspec.convert(conversation.transcript, Blob)
    transcript = documents.decode(blob_store().read(stored, *place), documents.Transcript)
    other = dict(zip(pair, reversed(pair), strict=True))
    utterances = tuple(structs.replace(each, speaker=other[each.speaker]) for each in transcript.utterances)
    swapped = documents.encode(structs.replace(transcript, utterances=utterances))
    return blob_store().put("safe", *place, [swapped], stored.media_type)
