"""Who is agent and who is customer: exchanged where a recording has them the wrong way round, said where only voices
were told apart.
"""

from collections.abc import Mapping, Sequence

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
UNNAMED = ("speaker 1", "speaker 2")  # as transcription calls two voices on one channel


class SwapRefused(Exception):
    """Raised when the speakers of a call cannot be named so; the message says why."""


def swap_speakers(conversation: Conversation, wanted: Sequence[str] = ()) -> None:
    """Exchange the two speakers of a call, or say which voice is the agent's. Raises SwapRefused, StorageError.

    ``wanted`` are the two as they are to be, in the order of ``pair_of``; a call that has them so stays as it is. So a
    form that is sent twice swaps once. Without it they are exchanged; of two voices that nobody has named yet, the
    first to be heard is the agent. What follows, also the rule tags that look at who speaks, follows from the event:

    1. The call is locked, so that two swaps see each other.
    2. The transcript of its run is stored once more, with the speakers exchanged. Nothing is transcribed again.
    3. SpeakersSwapped is said within the run, and carries that transcript and the settings of the run.
    """
    with transaction.atomic():
        now = Conversation.objects.select_for_update().get(id=conversation.id)
        pair = pair_of(now)
        if pair is None:
            raise SwapRefused(_("Only where two speakers are told apart can they be swapped."))
        if tuple(wanted) == pair:
            return
        orders = orders_of(pair)
        if wanted and tuple(wanted) not in orders:
            either = " / ".join(",".join(order) for order in orders)
            raise SwapRefused(_("These are not its speakers. They can be: %(either)s.") % {"either": either})
        named = tuple(wanted) or orders[0]
        received = said_in_run(now, ConversationReceived)
        if received is None or anonymized_in(now.run) is None:
            raise SwapRefused(_("The call is being processed again. Swap its speakers when that is done."))
        event = SpeakersSwapped(
            settings=msgspec.convert(received.data["settings"], Blob),
            transcript=store_renamed(now, dict(zip(pair, named, strict=True))),
            channels=named,
        )
        record(structs.replace(initial(now, event), correlationid=str(now.run)))


def pair_of(conversation: Conversation) -> tuple[str, ...] | None:
    """The two speakers of a call; None when there are not two that are told apart.

    They stand in the order of their channels, or, where one channel carries both, in the order in which they are heard.
    """
    heard = tuple(dict.fromkeys(conversation.utterances.order_by("index").values_list("speaker", flat=True)))
    if conversation.channels == 1:
        return heard if len(heard) == 2 else None
    pair = tuple(conversation.speakers) or USUAL
    two = conversation.channels == len(pair) == len(set(pair)) == 2
    return pair if two and heard and set(heard) <= set(pair) else None


def orders_of(pair: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """How the two of a call may be named otherwise: exchanged, or either way while nobody has said who they are."""
    return (USUAL, USUAL[::-1]) if set(pair) == set(UNNAMED) else (pair[::-1],)


def said_in_run(conversation: Conversation, kind: type) -> Event | None:
    """An event of a type in the current run of a call."""
    return Event.objects.filter(correlationid=conversation.run, type=kind.__name__).first()


def store_renamed(conversation: Conversation, name_of: Mapping[str, str]) -> Blob:
    """The transcript of a call with its speakers under other names, as a document of its own."""
    place = str(conversation.organization_id), str(conversation.id)
    stored = msgspec.convert(conversation.transcript, Blob)
    transcript = documents.decode(blob_store().read(stored, *place), documents.Transcript)
    utterances = tuple(structs.replace(each, speaker=name_of[each.speaker]) for each in transcript.utterances)
    renamed = documents.encode(structs.replace(transcript, utterances=utterances))
    return blob_store().put("safe", *place, [renamed], stored.media_type)
