"""The law of who may know whom (docs/architecture.md), held by reading every import."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CARRIERS = {"events", "documents", "records", "bus", "storage", "sealing", "config", "failpoints"}
HEAVY = {"torch", "spacy", "faster_whisper", "ctranslate2", "scrubadub", "whisper", "sklearn", "onnxruntime"}


def modules(folder: str) -> list[Path]:
    """The files of a folder, but for the script that speaks the sample calls, which no part of Parley imports."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if path.name != "make_samples.py")


def imports(path: Path) -> Iterator[str]:
    """The full names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imports(path)
        if any(name == each or name.startswith(f"{each}.") for each in forbidden)
    ]


def test_there_is_something_to_hold_to_the_law() -> None:
    assert all(len(modules(folder)) > 5 for folder in ("pipeline", "pipeline/services", "conversations"))


def test_the_pipeline_knows_neither_django_nor_the_monolith_nor_a_database() -> None:
    assert breaches("pipeline", ("django", "rest_framework", "conversations", "webapp", "psycopg")) == []


def test_services_are_pure() -> None:
    carriers = tuple(f"pipeline.{name}" for name in ("bus", "service", "tasks", "celery", "config", "storage"))
    assert breaches("pipeline/services", ("celery", "kombu", "redis", "os.environ", *carriers)) == []


def test_services_do_not_read_the_environment() -> None:
    readers = [path.name for path in modules("pipeline/services") if re.search(r"environ\b|getenv", path.read_text())]
    assert readers == []


def test_the_monolith_knows_only_the_contract_and_its_carriers() -> None:
    known = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("conversations")
        for name in imports(path)
        if name.startswith("pipeline.") and name.split(".")[1] not in CARRIERS
    }
    assert known == set()


def test_nothing_imports_the_web_application() -> None:
    assert breaches("pipeline", ("webapp",)) + breaches("conversations", ("webapp",)) == []


def test_only_services_import_heavy_libraries() -> None:
    outside = [each for folder in ("conversations", "webapp") for each in breaches(folder, tuple(HEAVY))]
    carriers = [f"{path.name} imports {name}" for path in (ROOT / "pipeline").glob("*.py")
                for name in imports(path) if name.split(".")[0] in HEAVY]  # fmt: skip
    assert outside + carriers == []


@pytest.mark.parametrize("start", ["import webapp.wsgi, webapp.urls", "import pipeline.tasks"])
def test_no_model_library_is_loaded_before_it_is_needed(start: str) -> None:
    code = f"{start}; import sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_no_event_is_named_by_a_string_where_its_class_would_do() -> None:
    from pipeline.events import EVENTS

    allowed = {"pipeline/contract.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("pipeline", "conversations")
        for path in modules(folder)
        if "migrations" not in path.parts and str(path.relative_to(ROOT)) not in allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in EVENTS
    ]
    assert found == []


def test_what_commits_to_the_database_has_a_file_of_its_own() -> None:
    """Such a test empties the tables, of what the migrations put there too; a process that runs tests gets it last."""
    commits = re.compile(r"^@pytest\.mark\.django_db\(.*transaction=True", re.MULTILINE)
    files = (ROOT / "tests").rglob("test_*.py")
    assert [path.name for path in files if commits.search(path.read_text(encoding="utf-8"))] == []
