"""Qualification also hears that speakers were swapped: rules look at who speaks."""

from typing import Any

from django.db import migrations


def hear(apps: Any, schema_editor: Any) -> None:
    """Subscribe it, as it also says itself when it starts."""
    qualification = apps.get_model("conversations", "Subscription").objects.filter(service="qualification")
    qualification.update(subscribes=["TranscriptAnonymized", "SpeakersSwapped"])


def hear_no_more(apps: Any, schema_editor: Any) -> None:
    """Only what it heard before."""
    qualification = apps.get_model("conversations", "Subscription").objects.filter(service="qualification")
    qualification.update(subscribes=["TranscriptAnonymized"])


class Migration(migrations.Migration):
    """Nothing but data."""

    dependencies = [("conversations", "0008_conversation_withheld")]
    operations = [migrations.RunPython(hear, hear_no_more)]
