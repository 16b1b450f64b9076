"""Raw data is deleted when its time has come; who opens it is written down in a log that is only added to."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

ONLY_ADDED_TO = """
create function parley_only_added_to() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are only ever added', tg_table_name;
end $$;
create trigger raw_access_only_added_to before update or delete on conversations_rawaccess
    for each row execute function parley_only_added_to();
"""
NO_MORE = """
drop trigger raw_access_only_added_to on conversations_rawaccess;
drop function parley_only_added_to();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0009_qualification_hears_swaps"),
    ]

    operations = [
        migrations.CreateModel(
            name="RawAccess",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("conversation", models.UUIDField(verbose_name="call")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="when")),
                (
                    "act",
                    models.CharField(
                        choices=[("asked", "asked for it"), ("given", "was given it")],
                        max_length=10,
                        verbose_name="did what",
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("audio", "raw recording"), ("transcript", "raw transcript")],
                        max_length=10,
                        verbose_name="of what",
                    ),
                ),
                (
                    "via",
                    models.CharField(choices=[("page", "page"), ("api", "API")], max_length=10, verbose_name="through"),
                ),
                ("address", models.GenericIPAddressField(null=True, verbose_name="from where")),
                ("sealed_reason", models.BinaryField(default=b"")),
            ],
            options={
                "verbose_name": "opening of raw data",
                "verbose_name_plural": "openings of raw data",
                "ordering": ["-at", "-id"],
                "permissions": [("open_raw_data", "May open raw recordings and transcripts")],
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="raw_purged_at",
            field=models.DateTimeField(null=True, verbose_name="raw data deleted"),
        ),
        migrations.AddField(
            model_name="organization",
            name="raw_days",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="days that raw data is kept"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("raw_purged_at", None), ("status", "completed")),
                fields=["organization", "completed_at"],
                name="conversation_raw_kept",
            ),
        ),
        migrations.AddField(
            model_name="rawaccess",
            name="asked",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="conversations.rawaccess"
            ),
        ),
        migrations.AddField(
            model_name="rawaccess",
            name="organization",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="conversations.organization"),
        ),
        migrations.AddField(
            model_name="rawaccess",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name="who"
            ),
        ),
        migrations.AddIndex(
            model_name="rawaccess",
            index=models.Index(fields=["organization", "-at"], name="raw_access_newest"),
        ),
        migrations.RunSQL(ONLY_ADDED_TO, NO_MORE),
    ]
