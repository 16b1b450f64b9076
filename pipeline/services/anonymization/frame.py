"""scrubadub, the frame that runs the detectors, without what it imports and we never use.

Two of its detectors import NLTK, which takes SciPy and scikit-learn when they are installed and does without them when
they are not: 80 MB in every worker. While scrubadub is imported they are not there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("scipy", "sklearn")


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Make imports of modules fail, but for those already imported. ``None`` in ``sys.modules`` says so to Python."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with _without(UNUSED):
    import scrubadub
    from scrubadub.detectors import Detector
    from scrubadub.filth import Filth, MergedFilth

__all__ = ["Detector", "Filth", "MergedFilth", "scrubadub"]
