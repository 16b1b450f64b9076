"""A call says for which stretches the model wrote words although nobody spoke."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0007_owed_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="withheld",
            field=models.JSONField(default=list),
        ),
    ]
