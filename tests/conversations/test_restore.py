"""A restore is refused where it would mislead or destroy."""

import json
import shutil
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError

from conversations.models import Conversation
from tests.conversations.installation import Installation, completed, files, flip_a_bit, received, rows, told
from tests.factories import make_organization


def cut_off_before_the_manifest(backup: Path) -> None:
    (backup / "manifest.json").rename(backup / "manifest.json.partial")


def cut_the_dump(backup: Path) -> None:
    (dump,) = backup.glob("database-*.dump")
    dump.write_bytes(dump.read_bytes()[:-1])


def flip_a_bit_of_the_dump(backup: Path) -> None:
    flip_a_bit(*backup.glob("database-*.dump"))


def take_the_dump_away(backup: Path) -> None:
    next(backup.glob("database-*.dump")).unlink()


def cut_the_manifest(backup: Path) -> None:
    (backup / "manifest.json").write_bytes((backup / "manifest.json").read_bytes()[:50])


@pytest.mark.parametrize(
    "spoil",
    [cut_off_before_the_manifest, cut_the_dump, flip_a_bit_of_the_dump, take_the_dump_away, cut_the_manifest],
    ids=lambda spoil: spoil.__name__,
)
def test_a_backup_that_is_not_whole_is_refused_and_changes_nothing(installation: Installation, spoil) -> None:  # type: ignore[no-untyped-def]
    received(make_organization())
    told("backup", installation.backup)
    spoil(installation.backup)
    before, bytes_before = rows(), files(installation.blobs)
    with pytest.raises(CommandError, match="no whole backup"):
        told("restore", installation.backup, "--replace")
    assert (rows(), files(installation.blobs)) == (before, bytes_before)


def test_a_database_that_is_not_empty_is_refused_unless_it_may_be_replaced(installation: Installation) -> None:
    conversation = received(make_organization())
    told("backup", installation.backup)
    before = rows()
    received(make_organization())
    now = rows()
    with pytest.raises(CommandError, match="--replace"):
        told("restore", installation.backup)
    assert rows() == now
    told("restore", installation.backup, "--replace")
    assert rows() == before
    assert Conversation.objects.get() == conversation


def test_a_database_in_use_is_refused(installation: Installation) -> None:
    received(make_organization())
    told("backup", installation.backup)
    with (
        psycopg.connect(installation.database_url),
        pytest.raises(CommandError, match="1 connections of other processes"),
    ):
        told("restore", installation.backup, "--replace")
    assert Conversation.objects.exists()


def test_without_the_key_store_nothing_is_restored_unless_the_keys_are_said_to_be_lost(
    installation: Installation,
) -> None:
    conversation = completed(make_organization())
    told("backup", installation.backup)
    shutil.rmtree(installation.keys)
    before = rows()
    with pytest.raises(CommandError, match="which calls were erased"):
        told("restore", installation.backup, "--replace")
    assert rows() == before
    assert f"key_missing: call {conversation.id}" in told("restore", installation.backup, "--replace", "--without-keys")
    assert rows() == before


def test_a_backup_of_a_newer_parley_is_refused_and_changes_nothing(installation: Installation) -> None:
    received(make_organization())
    told("backup", installation.backup)
    path = installation.backup / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["migrations"].append("conversations.9999_of_the_future")
    path.write_text(json.dumps(manifest))
    with pytest.raises(CommandError, match="newer Parley"):
        told("restore", installation.backup, "--replace")
    assert Conversation.objects.exists()
