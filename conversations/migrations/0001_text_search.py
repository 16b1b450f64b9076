"""Text search configurations that fold accents before they stem, one a language we index."""

from django.db import migrations

CONFIGURATION = """
create text search configuration parley_{name} (copy = {base});
alter text search configuration parley_{name}
    alter mapping for asciiword, word, hword, hword_asciipart, hword_part, asciihword with unaccent, {stemmer};
"""
CONFIGURATIONS = (("en", "english", "english_stem"), ("fr", "french", "french_stem"), ("simple", "simple", "simple"))


class Migration(migrations.Migration):
    """Nothing but SQL."""

    operations = [
        migrations.RunSQL("create extension if not exists unaccent", migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                CONFIGURATION.format(name=name, base=base, stemmer=stemmer),
                f"drop text search configuration parley_{name}",
            )
            for name, base, stemmer in CONFIGURATIONS
        ),
    ]
