"""The cascade: what each of the five services hears and may say."""

from typing import Any

from django.db import migrations

CASCADE = (
    ("transcription", "ConversationReceived", "ConversationTranscribed", "gpu", 2),
    ("entity_tagging", "ConversationTranscribed", "EntitiesTagged", "cpu", 4),
    ("anonymization", "EntitiesTagged", "TranscriptAnonymized", "cpu", 4),
    ("audio_redaction", "TranscriptAnonymized", "AudioRedacted", "cpu", 4),
    ("qualification", "TranscriptAnonymized", "ConversationQualified", "cpu", 4),
)


def subscribe(apps: Any, schema_editor: Any) -> None:
    """Add the five."""
    subscription = apps.get_model("conversations", "Subscription")
    for service, hears, says, queue, window in CASCADE:
        subscription.objects.create(
            service=service, subscribes=[hears], says=[says], queue=queue, window=window, required=True, active=True
        )


def unsubscribe(apps: Any, schema_editor: Any) -> None:
    """Take the five away."""
    services = [service for service, *_ in CASCADE]
    apps.get_model("conversations", "Subscription").objects.filter(service__in=services).delete()


class Migration(migrations.Migration):
    """Nothing but data."""

    dependencies = [("conversations", "0001_initial")]
    operations = [migrations.RunPython(subscribe, unsubscribe)]
