"""A service that wants the events of the past is given also those that were said while it was off."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0006_utterance_flags"),
    ]

    operations = [
        migrations.AddField(model_name="subscription", name="owed_from", field=models.DateTimeField(null=True)),
    ]
