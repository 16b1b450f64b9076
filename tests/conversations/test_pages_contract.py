"""The contract as a page."""

import re

import pytest
from django.test import Client

from conversations.contract import asyncapi
from conversations.views.cascade import cascade_of
from conversations.views.contract import type_of
from pipeline.events import EVENTS
from tests.factories import make_user


@pytest.mark.django_db
def test_the_page_tells_of_every_event_and_all_its_fields() -> None:
    client = Client()
    client.force_login(make_user())
    text = client.get("/docs/events/").content.decode()
    for name, event in EVENTS.items():
        section = re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)
        assert section, name
        for field in event.__struct_fields__:
            assert f"<code>{field}</code>" in section[0]
        assert f"&quot;type&quot;: &quot;{name}&quot;" in section[0]


@pytest.mark.django_db
def test_the_page_is_for_those_who_have_signed_in() -> None:
    assert Client().get("/docs/events/").status_code == 302


def test_the_picture_leads_from_the_first_event_down_to_the_monolith() -> None:
    cascade = cascade_of(asyncapi())
    height = {box.name: box.y for box in [*cascade.events, *cascade.services]}
    way = [
        "ConversationReceived", "transcription", "ConversationTranscribed", "entity_tagging", "EntitiesTagged",
        "anonymization", "TranscriptAnonymized", "audio_redaction", "AudioRedacted", "monolith",
    ]  # fmt: skip
    assert [height[name] for name in way] == sorted({height[name] for name in way})
    assert height["qualification"] == height["audio_redaction"]
    assert "ConversationTagged" not in height  # no service hears it, and none says it


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null"),
        ({"$ref": "#/$defs/Blob"}, "Blob"),
        ({}, "any"),
    ],
)
def test_types_are_said_in_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words
