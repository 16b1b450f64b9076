"""The language of each utterance: in a call in one language somebody may say a sentence in the other."""

from pipeline.services.anonymization.reading import Call

# Words that people cannot do without, and that the other language does not have.
TELLING = {
    "en": frozenset(
        "the is my you and to of it that for have with this are what your was i'm be at can not we they do how when "
        "will would please thanks yes here from by an there know need want number name address is".split()
    ),
    "fr": frozenset(
        "je vous nous est les des une pour dans avec pas que qui mon ma votre vos oui merci bonjour sur c et du au aux "
        "il elle ai avez suis etes c'est quel quelle numero nom adresse alors donc le la un ce cette mais".split()
    ),
}
FEWEST = 3  # telling words of the other language in an utterance …
TIMES = 3  # … and so many times as many as of its own


def foreign_lines(call: Call) -> tuple[str, set[int]]:
    """The other language than the call's, and the utterances that are in it."""
    own = call.words.language
    other = "fr" if own == "en" else "en"
    foreign: set[int] = set()
    for index, line in enumerate(call.lines):
        folds = [call.tokens[number].fold for number in range(line.first, line.stop)]
        told = sum(fold in TELLING[other] for fold in folds)
        if told >= FEWEST and told >= TIMES * sum(fold in TELLING[own] for fold in folds):
            foreign.add(index)
    return other, foreign
