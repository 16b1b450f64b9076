"""A call tells its own flags from those of single utterances, and how sure its language is."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0014_raw_kept_from_anonymized"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="flags_within",
            field=ArrayField(models.CharField(max_length=40), default=list, size=None),
        ),
        migrations.AddField(
            model_name="conversation",
            name="language_probability",
            field=models.FloatField(null=True),
        ),
    ]
