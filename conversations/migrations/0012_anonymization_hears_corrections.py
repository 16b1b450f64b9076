"""Anonymization also hears that a person corrected what is hidden: it makes the transcript anew."""

from typing import Any

from django.db import migrations


def hear(apps: Any, schema_editor: Any) -> None:
    """Subscribe it, as it also says itself when it starts."""
    anonymization = apps.get_model("conversations", "Subscription").objects.filter(service="anonymization")
    anonymization.update(subscribes=["EntitiesTagged", "RedactionCorrected"])


def hear_no_more(apps: Any, schema_editor: Any) -> None:
    """Only what it heard before."""
    anonymization = apps.get_model("conversations", "Subscription").objects.filter(service="anonymization")
    anonymization.update(subscribes=["EntitiesTagged"])


class Migration(migrations.Migration):
    """Nothing but data."""

    dependencies = [("conversations", "0011_review")]
    operations = [migrations.RunPython(hear, hear_no_more)]
