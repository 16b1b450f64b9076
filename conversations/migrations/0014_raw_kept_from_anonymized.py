"""A call says when it was first anonymized: from then on its raw data is kept for so many days."""

from django.db import migrations, models

FIRST = """
update conversations_conversation call set anonymized_at = first.at
from (
    select subject, min(recorded_at) as at from conversations_event where type = 'TranscriptAnonymized' group by subject
) first
where first.subject = call.id
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0013_hidden_again")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="anonymized_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(FIRST, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="conversation", name="conversation_raw_kept"),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("hiding", None), ("raw_purged_at", None)),
                fields=["organization", "anonymized_at"],
                name="conversation_raw_kept",
            ),
        ),
    ]
