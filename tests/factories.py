"""Invented organizations, people and calls, for tests of the monolith."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec

from conversations.ledger.models import Attempt, Delivery, Event
from conversations.models import Conversation, Details, Organization, Redaction, Role, Tag, Token, User, Utterance
from conversations.services.calls import CallDetails, sealed_details
from pipeline.records import uuid7
from pipeline.storage import blob_store

number = count(1)
SPOKEN = (
    ("agent", "Thank you for calling. How can I help you today?"),
    ("customer", "I was charged twice and I would like a refund."),
)


def make_organization(**fields: Any) -> Organization:
    """An organization with a name of its own."""
    return Organization.objects.create(**{"name": f"Organization {next(number)}", "taxonomy": {"tags": []}, **fields})


def make_user(organization: Organization | None = None, role: Role = Role.SUPERVISOR, **fields: Any) -> User:
    """A person; without an organization, of a new one."""
    return User.objects.create_user(
        **{"username": f"user{next(number)}", "password": None, **fields},
        organization=organization or make_organization(),
        role=role,
    )


def make_conversation(
    organization: Organization,
    said: Sequence[tuple[str, str]] = SPOKEN,
    *,
    language: str = "en",
    seconds: float = 4.0,
    **fields: Any,
) -> Conversation:
    """A completed call: each utterance takes ``seconds``, its words share them evenly."""
    conversation = Conversation.objects.create(
        **{
            "organization": organization, "run": uuid7(), "audio": {}, "audio_digest": uuid7().hex,
            "status": Conversation.Status.COMPLETED, "language": language, "duration": seconds * len(said),
            "channels": 2, "speakers": ["agent", "customer"], "transcript": {}, **fields,
        }
    )  # fmt: skip
    Details.objects.create(conversation=conversation, sealed=sealed_details(conversation, CallDetails()))
    Utterance.objects.bulk_create(
        utterance(conversation, index, speaker, text, seconds) for index, (speaker, text) in enumerate(said)
    )
    return conversation


def utterance(conversation: Conversation, index: int, speaker: str, text: str, seconds: float) -> Utterance:
    """An unsaved utterance, ``seconds`` long, after ``index`` others as long."""
    spoken, start = text.split(), index * seconds
    step = seconds / len(spoken)
    words = [
        {"text": each, "start": start + place * step, "end": start + (place + 1) * step, "probability": 0.9}
        for place, each in enumerate(spoken)
    ]
    return Utterance(
        organization_id=conversation.organization_id, conversation=conversation, index=index, speaker=speaker,
        channel=0 if speaker == "agent" else 1, start=start, end=start + seconds, text=text, confidence=0.9,
        language=conversation.language, words=words,
    )  # fmt: skip


def make_redaction(conversation: Conversation, placeholder: str, **fields: Any) -> Redaction:
    """A redaction where its placeholder stands in the text."""
    spoken = conversation.utterances.get(text__contains=placeholder)
    start_char = spoken.text.index(placeholder)
    values = {
        "utterance": spoken.index, "channel": spoken.channel, "label": placeholder.strip("[]").rpartition("_")[0],
        "placeholder": placeholder, "start": spoken.start, "end": spoken.end, "start_char": start_char,
        "end_char": start_char + len(placeholder), "detector": "test", "score": 1.0, **fields,
    }  # fmt: skip
    return Redaction.objects.create(conversation=conversation, **values)


def make_tag(conversation: Conversation, tag: str = "refund", **fields: Any) -> Tag:
    """A tag that a rule has given."""
    values = {"name": tag.capitalize(), "kind": Tag.Kind.RULE, "provenance": f"rule:{tag}", **fields}
    return Tag.objects.create(
        organization_id=conversation.organization_id, conversation=conversation, tag=tag, **values
    )


def make_delivery(conversation: Conversation, service: str, state: str, **fields: Any) -> Delivery:
    """A delivery of the call's current run, with an attempt for each of ``sends``."""
    place = {
        "subject": conversation.id, "tenant": conversation.organization_id, "correlationid": conversation.run,
    }  # fmt: skip
    values = {"time": "2026-11-01T10:00:00Z", "source": "test", "type": "ConversationErased", "data": {}}
    event = Event.objects.create(id=uuid7(), **values, **place)
    delivery = Delivery.objects.create(event=event, service=service, state=state, **place, **fields)
    for attempt in range(1, delivery.sends + 1):
        Attempt.objects.create(delivery=delivery, number=attempt, locations=[])
    return delivery


def make_audio(conversation: Conversation, content: bytes, media_type: str = "audio/mpeg") -> None:
    """Redacted audio that can be listened to: the same bytes as player and master, and a waveform."""
    place = str(conversation.organization_id), str(conversation.id)
    peaks = b'{"per_second":20,"duration":1.0,"channels":[[0.5]]}'
    conversation.player = msgspec.to_builtins(blob_store().put("safe", *place, [content], media_type))
    conversation.master = msgspec.to_builtins(blob_store().put("safe", *place, [content], "audio/flac"))
    conversation.peaks = msgspec.to_builtins(blob_store().put("safe", *place, [peaks], "application/json"))
    conversation.save()


def token_header(user: User) -> dict[str, str]:
    """What a client sends to be this user."""
    return {"Authorization": f"Token {Token.issue(user)}"}
