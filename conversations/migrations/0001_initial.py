"""The tables, and before them the text search configurations that fold accents before they stem."""

import uuid

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

CONFIGURATION = """
create text search configuration parley_{name} (copy = {base});
alter text search configuration parley_{name}
    alter mapping for asciiword, word, hword, hword_asciipart, hword_part, asciihword with unaccent, {stemmer};
"""
CONFIGURATIONS = (("en", "english", "english_stem"), ("fr", "french", "french_stem"), ("simple", "simple", "simple"))


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunSQL("create extension if not exists unaccent", migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                CONFIGURATION.format(name=name, base=base, stemmer=stemmer),
                f"drop text search configuration parley_{name}",
            )
            for name, base, stemmer in CONFIGURATIONS
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("received", "received"),
                            ("processing", "processing"),
                            ("completed", "completed"),
                            ("quarantined", "quarantined"),
                            ("failed", "failed"),
                        ],
                        default="received",
                        max_length=12,
                        verbose_name="status",
                    ),
                ),
                ("lane", models.SmallIntegerField(choices=[(0, "interactive"), (1, "batch")], default=0)),
                ("run", models.UUIDField()),
                ("audio", models.JSONField()),
                ("audio_digest", models.CharField(max_length=64)),
                ("external_id_digest", models.CharField(blank=True, default="", max_length=64)),
                ("agent", models.CharField(blank=True, default="", max_length=100, verbose_name="agent")),
                ("requested_language", models.CharField(blank=True, default="", max_length=8)),
                (
                    "speakers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                ("started_at", models.DateTimeField(null=True, verbose_name="date")),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="received"),
                ),
                ("completed_at", models.DateTimeField(null=True, verbose_name="completed")),
                ("language", models.CharField(default="", max_length=8, verbose_name="language")),
                ("duration", models.FloatField(null=True, verbose_name="duration")),
                ("channels", models.PositiveSmallIntegerField(default=0)),
                ("engine", models.CharField(default="", max_length=100)),
                (
                    "flags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), default=list, size=None
                    ),
                ),
                ("failure_service", models.CharField(default="", max_length=100)),
                ("failure_code", models.CharField(default="", max_length=40)),
                ("transcript", models.JSONField(null=True)),
                ("master", models.JSONField(null=True)),
                ("player", models.JSONField(null=True)),
                ("peaks", models.JSONField(null=True)),
            ],
            options={
                "verbose_name": "call",
                "verbose_name_plural": "calls",
                "ordering": ["-received_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
                (
                    "languages",
                    models.JSONField(
                        blank=True, default=list, help_text='For example ["en", "fr"].', verbose_name="languages"
                    ),
                ),
                (
                    "vocabulary",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Words that are said: products, places.",
                        verbose_name="vocabulary",
                    ),
                ),
                (
                    "taxonomy",
                    models.JSONField(
                        blank=True, default=dict, help_text="Tags and their rules.", verbose_name="taxonomy"
                    ),
                ),
                ("redaction", models.JSONField(blank=True, default=dict, verbose_name="redaction policy")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
            options={
                "verbose_name": "organization",
            },
        ),
        migrations.CreateModel(
            name="Parked",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("record", models.JSONField()),
                ("error", models.TextField()),
                ("parked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "parked records",
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("service", models.TextField(primary_key=True, serialize=False)),
                ("subscribes", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                (
                    "says",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
                ),
                ("queue", models.TextField()),
                ("lease", models.FloatField(default=30.0)),
                ("window", models.PositiveIntegerField(default=4)),
                ("required", models.BooleanField(default=False)),
                ("active", models.BooleanField(default=False)),
                ("switched_off", models.BooleanField(default=False)),
                ("last_seen", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "admin"),
                            ("supervisor", "supervisor"),
                            ("agent", "agent"),
                            ("client", "API client"),
                        ],
                        default="agent",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="users",
                        to="conversations.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to="conversations.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "batch",
                "verbose_name_plural": "batches",
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Details",
            fields=[
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="conversations.conversation",
                    ),
                ),
                ("sealed", models.BinaryField()),
            ],
            options={
                "verbose_name_plural": "details",
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="conversations",
                to="conversations.batch",
            ),
        ),
        migrations.CreateModel(
            name="Entity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("utterance", models.PositiveIntegerField()),
                ("label", models.CharField(max_length=40)),
                ("text", models.TextField()),
                ("start_char", models.PositiveIntegerField()),
                ("end_char", models.PositiveIntegerField()),
                ("score", models.FloatField()),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entities",
                        to="conversations.conversation",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "entities",
                "ordering": ["utterance", "start_char"],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("source", models.TextField()),
                ("type", models.TextField()),
                ("subject", models.UUIDField()),
                ("tenant", models.UUIDField()),
                ("correlationid", models.UUIDField()),
                ("causationid", models.UUIDField(null=True)),
                ("traceparent", models.TextField(default="")),
                ("time", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("data", models.JSONField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["subject", "recorded_at"], name="event_subject"),
                    models.Index(fields=["correlationid", "type"], name="event_run"),
                    models.Index(fields=["type", "recorded_at"], name="event_type"),
                ],
                "constraints": [models.UniqueConstraint(fields=("source", "id"), name="event_source_id")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.TextField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("sent", "Sent"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("dead", "Dead"),
                            ("cancelled", "Cancelled"),
                        ],
                        db_default="pending",
                        default="pending",
                    ),
                ),
                ("subject", models.UUIDField()),
                ("tenant", models.UUIDField()),
                ("correlationid", models.UUIDField()),
                ("lane", models.SmallIntegerField(db_default=0, default=0)),
                ("attempts", models.PositiveIntegerField(db_default=0, default=0)),
                ("sends", models.PositiveIntegerField(db_default=0, default=0)),
                ("most_sends", models.PositiveIntegerField(db_default=15, default=15)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("deadline", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("error", models.TextField(db_default="", default="")),
                ("progress_done", models.FloatField(db_default=0.0, default=0)),
                ("progress_total", models.FloatField(db_default=0.0, default=0)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="conversations.event"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("request_digest", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name="conversation",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="conversations",
                to="conversations.organization",
            ),
        ),
        migrations.CreateModel(
            name="Redaction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("utterance", models.PositiveIntegerField()),
                ("channel", models.PositiveSmallIntegerField()),
                ("label", models.CharField(max_length=40)),
                ("placeholder", models.CharField(max_length=60)),
                ("start", models.FloatField()),
                ("end", models.FloatField()),
                ("start_char", models.PositiveIntegerField()),
                ("end_char", models.PositiveIntegerField()),
                ("detector", models.CharField(max_length=60)),
                ("score", models.FloatField()),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="redactions",
                        to="conversations.conversation",
                    ),
                ),
            ],
            options={
                "ordering": ["utterance", "start_char"],
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("utterance", models.PositiveIntegerField(null=True)),
                ("tag", models.SlugField(max_length=60, verbose_name="tag")),
                ("name", models.CharField(max_length=100)),
                ("kind", models.CharField(choices=[("rule", "rule"), ("hand", "by hand")], max_length=4)),
                ("provenance", models.CharField(max_length=100)),
                ("score", models.FloatField(default=1.0)),
                ("evidence", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tags",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="conversations.organization"),
                ),
            ],
            options={
                "ordering": ["name", "utterance"],
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires at")),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tokens", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "token",
            },
        ),
        migrations.CreateModel(
            name="Utterance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.PositiveIntegerField()),
                ("speaker", models.CharField(max_length=32)),
                ("channel", models.PositiveSmallIntegerField()),
                ("start", models.FloatField()),
                ("end", models.FloatField()),
                ("text", models.TextField()),
                ("confidence", models.FloatField()),
                ("language", models.CharField(max_length=8)),
                ("words", models.JSONField(default=list)),
                (
                    "search",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(
                                language="en",
                                then=django.contrib.postgres.search.SearchVector(
                                    models.Func(
                                        models.F("text"),
                                        models.Value("\\[[A-Z_]+_\\d+\\]"),
                                        models.Value(" "),
                                        models.Value("g"),
                                        function="regexp_replace",
                                        output_field=models.TextField(),
                                    ),
                                    config="parley_en",
                                ),
                            ),
                            models.When(
                                language="fr",
                                then=django.contrib.postgres.search.SearchVector(
                                    models.Func(
                                        models.F("text"),
                                        models.Value("\\[[A-Z_]+_\\d+\\]"),
                                        models.Value(" "),
                                        models.Value("g"),
                                        function="regexp_replace",
                                        output_field=models.TextField(),
                                    ),
                                    config="parley_fr",
                                ),
                            ),
                            default=django.contrib.postgres.search.SearchVector(
                                models.Func(
                                    models.F("text"),
                                    models.Value("\\[[A-Z_]+_\\d+\\]"),
                                    models.Value(" "),
                                    models.Value("g"),
                                    function="regexp_replace",
                                    output_field=models.TextField(),
                                ),
                                config="parley_simple",
                            ),
                        ),
                        output_field=django.contrib.postgres.search.SearchVectorField(),
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="utterances",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="conversations.organization"),
                ),
            ],
            options={
                "ordering": ["index"],
            },
        ),
        migrations.CreateModel(
            name="BatchItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[("accepted", "accepted"), ("duplicate", "already here"), ("refused", "refused")],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(default="", max_length=40)),
                ("sealed_name", models.BinaryField(default=b"")),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="conversations.batch"
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to="conversations.conversation"
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [models.UniqueConstraint(fields=("batch", "position"), name="batch_item_position")],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("sent_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(db_default="", default="")),
                ("exception", models.TextField(db_default="", default="")),
                (
                    "locations",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="history", to="conversations.delivery"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("delivery", "number"), name="attempt_once")],
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["service", "lane", "tenant", "due_at"],
                name="delivery_pending",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ["sent", "running"])),
                fields=["service", "sent_at"],
                name="delivery_in_flight",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["service", "tenant", "-sent_at"], name="delivery_served"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["service", "-started_at"], name="delivery_started"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["correlationid"], name="delivery_run"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["subject"], name="delivery_subject"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("event", "service"), name="delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="idempotencykey",
            constraint=models.UniqueConstraint(fields=("user", "digest"), name="idempotency_key_once"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["organization", "-received_at", "-id"], name="conversation_newest"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["organization", "external_id_digest"], name="conversation_external_id"),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(
                fields=("organization", "audio_digest"), name="same_bytes_same_conversation"
            ),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["organization", "tag"], name="tag_by_name"),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.UniqueConstraint(
                fields=("conversation", "tag", "kind", "utterance"), name="tag_once", nulls_distinct=False
            ),
        ),
        migrations.AddIndex(
            model_name="utterance",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search"], name="utterance_search"),
        ),
        migrations.AddConstraint(
            model_name="utterance",
            constraint=models.UniqueConstraint(fields=("conversation", "index"), name="utterance_index"),
        ),
    ]
