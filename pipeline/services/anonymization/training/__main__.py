"""``python -m pipeline.services.anonymization.training DATA``: learn the weights anew and write them.

DATA is the folder of public data (docs/anonymization-model.md says what is read of it); French needs none.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from pipeline.services.anonymization.model import weights_of, write_model
from pipeline.services.anonymization.training import measuring, public
from pipeline.services.anonymization.training.conversations import Conversation, generate
from pipeline.services.anonymization.training.learning import forgetful, learn_anew, mean_of
from pipeline.services.anonymization.vocabulary import LANGUAGES, vocabulary_of

ROWS = 9_000  # invented conversations a language
MEMBERS = 4  # CRFs of which the model is the mean
MEASURED = 400  # … and those that the limits are chosen on


def main() -> None:
    """Learn, choose the limits, write the weights, print a table of what they are worth."""
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of public data")
    parser.add_argument("--language", choices=LANGUAGES, action="append", help="only this one")
    parser.add_argument("--rows", type=int, default=ROWS, help="invented conversations to learn from, a language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=weights_of("en").parent, help="folder of the weights")
    chosen = parser.parse_args()
    for language in chosen.language or LANGUAGES:
        train(language, chosen)


def train(language: str, chosen: argparse.Namespace) -> None:
    """Learn one language."""
    start = time.monotonic()
    members = range(chosen.seed, chosen.seed + MEMBERS)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        learned = list(pool.map(partial(learn_anew, language, chosen.data, chosen.rows), members))
    model = mean_of(learned, vocabulary_of(language))
    sets: dict[str, list[Conversation]] = {"invented": generate(language, MEASURED, chosen.seed, held_out=True)}
    if language == "en":
        sets |= public.held_out(chosen.data)
    words = forgetful(vocabulary_of(language), chosen.seed)
    seen = {name: measuring.seen(each, model, words) for name, each in sets.items()}
    model.set_limits(measuring.choose(seen))
    path = chosen.out / f"weights.{language}.npz"
    write_model(path, model)
    print(f"{language}: {MEMBERS} CRFs, {path.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s,")
    print(f"{model.limits}. Leak / over on what was held out:\n")
    print("\n".join(measuring.report(seen, model.limits)), flush=True)


if __name__ == "__main__":
    main()
