"""Calls are kept for reviewers, receipts stored, corrections gathered; a redaction knows how many words it hides."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0010_raw_data"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="conversation",
            options={
                "ordering": ["-received_at", "-id"],
                "permissions": [("review_quarantine", "Can review and release quarantined calls")],
                "verbose_name": "call",
                "verbose_name_plural": "calls",
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="hiding",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="conversation",
            name="quarantine",
            field=models.CharField(default="", max_length=40),
        ),
        migrations.AddField(
            model_name="conversation",
            name="receipt",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="redaction",
            name="words",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.CreateModel(
            name="RedactionReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("run", models.UUIDField()),
                ("hidden", models.JSONField(default=dict)),
                ("checked", models.BooleanField(default=False)),
                ("reviewed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="conversations.organization"),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RedactionCorrection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("utterance", models.PositiveIntegerField()),
                ("first", models.PositiveIntegerField()),
                ("stop", models.PositiveIntegerField()),
                ("kind", models.CharField(choices=[("hide", "hide"), ("reveal", "show")], max_length=6)),
                ("label", models.CharField(default="", max_length=40)),
                ("hidden_as", models.CharField(default="", max_length=40)),
                ("detector", models.CharField(default="", max_length=60)),
                ("score", models.FloatField(null=True)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="conversations.organization"),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="corrections",
                        to="conversations.redactionreview",
                    ),
                ),
            ],
            options={
                "ordering": ["made_at", "utterance", "first"],
            },
        ),
        migrations.AddIndex(
            model_name="redactionreview",
            index=models.Index(fields=["organization", "reviewed_at"], name="review_newest"),
        ),
        migrations.AddConstraint(
            model_name="redactionreview",
            constraint=models.UniqueConstraint(fields=("conversation", "run"), name="review_of_run"),
        ),
    ]
