"""``manage.py reconcile``: what differs between database, blobs and keys, told and mended."""

import json
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from conversations.services.backups import BackupRefused, copy_in, read_manifest
from conversations.services.reconciliation import SENTENCES, Finding, Reconciliation, ReconciliationRefused
from pipeline.storage import BlobStore, StorageError


class Command(BaseCommand):
    """Compare, tell, mend."""

    help = "Compares database, blobs and keys, tells what differs, and mends what can be mended."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do about what is found, and how to tell it."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
        parser.add_argument("--quick", action="store_true", help="compare blobs by size, not by hash")
        parser.add_argument(
            "--backup", type=Path, metavar="FOLDER", help="take missing and damaged blobs from a backup"
        )
        parser.add_argument("--erase-keyless", action="store_true", help="erase calls whose key is gone, marked or not")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reconcile."""
        try:
            reconciliation = Reconciliation(
                dry_run=options["dry_run"], quick=options["quick"], erase_keyless=options["erase_keyless"],
                spare=spare_in(options["backup"]),
            )  # fmt: skip
            if options["json"]:
                self.stdout.write(json.dumps(summary(reconciliation, list(reconciliation.run()))))
            else:
                tell(reconciliation, self.stdout)
        except (BackupRefused, ReconciliationRefused, StorageError) as error:
            raise CommandError(str(error)) from error


def spare_in(folder: Path | None) -> BlobStore | None:
    """The blobs of a backup, if there is one to take from. Raises BackupRefused."""
    if folder is None:
        return None
    read_manifest(folder)
    return copy_in(folder)


def tell(reconciliation: Reconciliation, output: OutputWrapper) -> None:
    """Reconcile; a line a finding as it is found, then a line of numbers."""
    found = 0
    for finding in reconciliation.run():
        found += 1
        blob = f", blob {finding.blob}" if finding.blob else ""
        output.write(f"{finding.code}: call {finding.call}{blob}: {SENTENCES[finding.code]}.")
    changed = " Nothing was changed (dry run)." if reconciliation.dry_run else ""
    output.write(f"Compared: {reconciliation.calls} calls, {reconciliation.blobs} blobs. Findings: {found}.{changed}")


def summary(reconciliation: Reconciliation, findings: list[Finding]) -> dict[str, Any]:
    """The same as one object: ``dry_run``, ``calls``, ``blobs``, ``counts`` by code, and ``findings``."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return {
        "dry_run": reconciliation.dry_run, "calls": reconciliation.calls, "blobs": reconciliation.blobs,
        "counts": counts, "findings": msgspec.to_builtins(findings),
    }  # fmt: skip
