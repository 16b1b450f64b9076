"""The verdicts of storms are told at the end of every run, with their seeds."""

from typing import Any

VERDICTS: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print them."""
    for verdict in VERDICTS:
        terminalreporter.write_line(f"storm: {verdict}")
