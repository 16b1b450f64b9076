"""The detectors that are measured: Parley's, scrubadub as it comes, Presidio with the spaCy models that Parley uses."""

import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

from pipeline.documents import Entities, Transcript, Utterance
from pipeline.services import anonymization, entity_tagging
from tests.bench.pii.gold import Find, Mark

LOCALES = {"en": "en_US", "fr": "fr_FR"}
HOW_TO_PRESIDIO = (
    "Presidio is not installed. To have it in the figures: python3 -m venv PEER; echo "
    '"$PWD/.venv/lib/python3.11/site-packages" > PEER/lib/python3.11/site-packages/parley.pth; PEER/bin/pip install '
    "presidio-analyzer; PEER/bin/python -m tests.bench.bench_anonymization"
)


def tagged(turns: Sequence[tuple[str, str]], language: str) -> Entities:
    """What the entity tagger finds: the service before anonymization."""
    utterances = tuple(
        Utterance(index=index, speaker=speaker, channel=0, start=0.0, end=0.0, text=text)
        for index, (speaker, text) in enumerate(turns)
    )
    return entity_tagging.tag_entities(Transcript(language=language, duration=0.0, utterances=utterances))


def ours(turns: Sequence[tuple[str, str]], language: str) -> list[list[Mark]]:
    """What the cascade finds in a call."""
    return found_by_anonymization(turns, language, tagged(turns, language))


def found_by_anonymization(turns: Sequence[tuple[str, str]], language: str, entities: Entities) -> list[list[Mark]]:
    """What anonymization finds, given the entities."""
    found: list[list[Mark]] = [[] for _ in turns]
    for span in anonymization.find_pii(turns, language, entities):
        found[span.utterance].append(Mark(span.start_char, span.end_char, span.label))
    return found


def plain_scrubadub(turns: Sequence[tuple[str, str]], language: str) -> list[list[Mark]]:
    """scrubadub with the detectors it loads by itself, a turn at a time: it knows no calls."""
    scrubber = _scrubber(language)
    return [[Mark(filth.beg, filth.end, filth.type) for filth in scrubber.iter_filth(text)] for _, text in turns]


@cache
def _scrubber(language: str) -> Any:
    import scrubadub

    return scrubadub.Scrubber(locale=LOCALES[language])


def presidio(turns: Sequence[tuple[str, str]], language: str) -> list[list[Mark]]:
    """Presidio's analyzer with all its recognizers for the language, whatever their score, a turn at a time."""
    analyzer = presidio_analyzer(language)
    return [
        [Mark(each.start, each.end, each.entity_type) for each in analyzer.analyze(text=text, language=language)]
        for _, text in turns
    ]


@cache
def presidio_analyzer(language: str) -> Any:
    """The analyzer with our spaCy model. Domain endings come from the package: by default they are downloaded."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    models = [{"lang_code": language, "model_name": entity_tagging.MODELS[language]}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=engine, supported_languages=[language])


def has_presidio() -> bool:
    """Whether Presidio is installed."""
    return importlib.util.find_spec("presidio_analyzer") is not None


def detectors() -> dict[str, Find]:
    """Ours and the peers that are there. ``DETECTORS`` chooses among them."""
    return {"ours": ours, "scrubadub": plain_scrubadub, **({"presidio": presidio} if has_presidio() else {})}
