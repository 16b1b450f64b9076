"""Doing what a page says, to the letter: its blocks of code, each where the sentence before it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.chaos.cluster import ROOT

NEW = re.compile(r"A new file, `(?P<file>[^`]+)`:$")
END = re.compile(r"At the end of `(?P<file>[^`]+)`:$")
BESIDE = re.compile(r"In `(?P<file>[^`]+)`, (?P<how>before|instead of) the line `(?P<line>[^`]+)`$")
RUN = re.compile(r"Run:$")
BLOCK = re.compile(r"^(?P<sentence>[^\n]+)\n\n```(?:python|sh)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """A block of code and the sentence before it."""

    sentence: str
    code: str


def steps_of(page: str) -> list[Step]:
    """What a page says to do."""
    steps = [Step(found["sentence"], found["code"]) for found in BLOCK.finditer(page)]
    assert len(steps) == page.count("\n```") // 2, "a block of the page has no sentence right before it"
    return steps


def copy_checkout(folder: Path) -> None:
    """A checkout as it is now, with what is not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # a symbolic link to a folder, such as .venv, is none
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def follow(step: Step, checkout: Path) -> None:
    """Do one step."""
    if RUN.search(step.sentence):
        for line in step.code.splitlines():
            words = line.replace(".venv/bin", str(Path(sys.executable).parent)).split()
            done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    elif found := NEW.search(step.sentence):
        with (checkout / found["file"]).open("x", encoding="utf-8") as file:
            file.write(step.code)
    elif found := END.search(step.sentence):
        with (checkout / found["file"]).open("a", encoding="utf-8") as file:
            file.write(step.code)
    elif found := BESIDE.search(step.sentence):
        put_beside(checkout / found["file"], found["line"] + "\n", step.code, before=found["how"] == "before")
    else:
        raise AssertionError(f"The page does not say where its code goes: {step.sentence}")


def put_beside(path: Path, line: str, code: str, *, before: bool) -> None:
    """Put code before a line, or in its place."""
    text = path.read_text(encoding="utf-8")
    assert text.count(f"\n{line}") == 1, f"{path.name} has no such line, or several: {line}"
    path.write_text(text.replace(f"\n{line}", f"\n{code}{line if before else ''}"), encoding="utf-8")
