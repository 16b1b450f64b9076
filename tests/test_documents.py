"""What the documents say of the repository is so."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.events import EVENTS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    if ROOT / "tests" / "data" not in path.parents
)  # fmt: skip
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def without_code(markdown: str) -> str:
    """A document without its blocks of code, where brackets are no links."""
    return re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)


def variables_read(folder: str) -> Iterator[str]:
    """The names of environment variables that the code of a folder has as strings."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"PARLEY_[A-Z_]+|DATABASE_URL", str(node.value)):
                yield node.value


def anchors(markdown: str) -> set[str]:
    """The places of a document that can be linked to, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", without_code(markdown), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def mapped_paths() -> list[str]:
    """What the repository map of the architecture names, a path a line."""
    section = text_of("docs/architecture.md").split("## Repository map")[1]
    return re.findall(r"^(\S+)", section.split("```")[1], flags=re.MULTILINE)


def test_every_environment_variable_is_documented_and_no_other() -> None:
    read = {
        name for folder in ("pipeline", "conversations", "webapp", "tests/bench") for name in variables_read(folder)
    }
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text_of("docs/settings.md"), flags=re.MULTILINE))
    marks_of_ours = {"PARLEY_STACK"}  # set by webapp/stack for its own processes, never by a person
    assert documented == read - marks_of_ours


def test_every_event_is_in_the_catalogue() -> None:
    assert re.findall(r"^## (\w+)$", text_of("docs/events.md"), flags=re.MULTILINE) == list(EVENTS)


@each_document
def test_every_command_of_make_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    measured = {path.stem.replace("_", "-") for path in (ROOT / "tests" / "bench").glob("bench_*.py")}
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named <= targets | measured


@each_document
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text(encoding="utf-8")))
    dead = []
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(link)
    assert dead == []


def test_every_path_on_the_repository_map_exists() -> None:
    paths = mapped_paths()
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", ["pipeline", "conversations", "webapp"])
def test_whatever_lies_in_a_folder_of_code_is_on_the_repository_map(folder: str) -> None:
    lying = {path.relative_to(ROOT) for path in (ROOT / folder).iterdir() if not path.name.startswith("__init__")}
    code = {path for path in lying if path.suffix == ".py" or ((ROOT / path).is_dir() and path.name != "__pycache__")}
    assert code - {Path(path) for path in mapped_paths()} == set()


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_sixty_lines_at_most_and_is_listed(decision: Path) -> None:
    assert len(decision.read_text(encoding="utf-8").splitlines()) <= 60
    assert f"]({decision.name})" in text_of("docs/decisions/README.md")
