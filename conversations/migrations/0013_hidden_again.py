"""A correction says when its words are said, so that what a person hid stays hidden in the next run of the call."""

from django.db import migrations, models

# Those of before get the times of the utterance with their number in the transcript that the call has now.
TIMES = """
update conversations_redactioncorrection correction
set channel = spoken.channel, start = spoken.start, "end" = spoken."end"
from conversations_redactionreview review
join conversations_utterance spoken on spoken.conversation_id = review.conversation_id
where review.id = correction.review_id and spoken.index = correction.utterance
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0012_anonymization_hears_corrections")]

    operations = [
        migrations.AddField(
            model_name="redactioncorrection",
            name="channel",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="redactioncorrection",
            name="start",
            field=models.FloatField(default=0.0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="redactioncorrection",
            name="end",
            field=models.FloatField(default=0.0),
            preserve_default=False,
        ),
        migrations.RunSQL(TIMES, migrations.RunSQL.noop),
    ]
