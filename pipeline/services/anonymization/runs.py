"""Runs: digits and letters that are said in one go, over fillers and over interruptions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.services.anonymization.context import HARMLESS, leaves_open
from pipeline.services.anonymization.reading import Call, Item, Kind

LONGEST_GAP = 4  # fillers and marks inside a run
REPEATED = 7  # digits that nobody says twice in one number
LONGEST = 34  # characters of an IBAN, the longest number
FURTHEST = 3  # utterances over which a run may go on
FEWEST_BROKEN = 8  # digits of a number that is broken over utterances …
FEWEST_PART = 3  # … and of its parts, where nobody tells who speaks


@dataclass
class Run:
    """Digits and letters of one utterance, said together. ``value`` has no spaces."""

    utterance: int
    items: list[Item] = field(default_factory=list)

    @property
    def value(self) -> str:
        return "".join(item.value for item in self.items)

    @property
    def first(self) -> int:
        return self.items[0].first

    @property
    def last(self) -> int:
        return self.items[-1].last

    @property
    def digits(self) -> int:
        """How many digits it has."""
        return sum(len(item.value) for item in self.items if item.kind is Kind.DIGITS)


def find_chains(call: Call) -> list[list[Run]]:
    """All runs of a call, each with those that go on with it in the speaker's next utterances."""
    runs = [list(_runs(call, index)) for index in range(len(call.lines))]
    said = [_said(call, index) for index in range(len(call.lines))]
    chains: list[list[Run]] = []
    ends_open: dict[str, list[Run]] = {}  # speaker: the chain that their last utterance left off with
    for index, line in enumerate(call.lines):
        chain = ends_open.get(line.speaker)
        begins = bool(runs[index]) and said[index][0] == runs[index][0].first
        if not (chain and begins and _goes_on(call, chain, runs[index][0])):
            chain = None
        for run in runs[index]:
            if chain is None:
                chain = []
                chains.append(chain)
            chain.append(run)
            if said[index][1] != run.last and not _is_corrected(call, run):
                chain = None
        if runs[index] and chain:
            ends_open[line.speaker] = chain
        elif not leaves_open(call, index):
            ends_open.pop(line.speaker, None)
    return chains


def whole_numbers(call: Call, but: Callable[[Run], bool] = lambda run: False) -> Iterator[list[Run]]:
    """The runs of each number: several if it is broken over utterances, else one. ``but`` tells which are none."""
    alone = len({line.speaker for line in call.lines}) == 1
    for chain in call.chains:
        chain = [run for run in chain if not but(run)]
        if len(chain) > 1 and (_is_broken(chain, alone) or (not alone and _is_asked(call, chain[0]))):
            yield chain
        else:
            yield from ([run] for run in chain)


def _is_broken(chain: Sequence[Run], alone: bool) -> bool:
    """Whether runs of several utterances are one number. If all speak as one, short ones are not trusted."""
    digits = [run.digits for run in chain]
    return sum(digits) >= FEWEST_BROKEN and (not alone or min(digits) >= FEWEST_PART)


def _is_asked(call: Call, run: Run) -> bool:
    """Whether the question before a run was for a number that is personal data."""
    expected = call.expected[run.utterance]
    return bool(expected) and expected[-1] not in HARMLESS


def _is_corrected(call: Call, run: Run) -> bool:
    """Whether words such as "hang on" and then digits or letters follow a run."""
    stop, after, corrected = call.lines[run.utterance].stop, run.last + 1, False
    while after < stop:
        cue = call.phrase_at(call.words.corrections, after, stop)
        if not cue and call.tokens[after].text.isalnum():
            break
        corrected, after = corrected or cue is not None, cue.last + 1 if cue else after + 1
    following = (item for item in call.items[run.utterance] if item.first >= after and item.value.isalnum())
    said = next((item for item in following if item.kind not in (Kind.FILLER, Kind.JOINT)), None)
    return corrected and said is not None and said.kind is not Kind.WORD


def _runs(call: Call, index: int) -> Iterator[Run]:
    run, gap = Run(index), 0
    for item in call.items[index]:
        if item.kind in (Kind.DIGITS, Kind.LETTERS) and not _is_amount_alone(item):
            run.items.append(item)
            gap = 0
        elif item.kind in (Kind.JOINT, Kind.FILLER) and gap < LONGEST_GAP:
            gap += 1
        elif run.items:
            yield run
            run, gap = Run(index), 0
    if run.items:
        yield run


def _is_amount_alone(item: Item) -> bool:
    return item.amount and item.kind is Kind.DIGITS and item.first == item.last


def _said(call: Call, index: int) -> tuple[int, int]:
    """The first and last token of an utterance that say something."""
    said = [item for item in call.items[index] if not _says_nothing(call, item)]
    return (said[0].first, said[-1].last) if said else (0, 0)


def _says_nothing(call: Call, item: Item) -> bool:
    return (
        item.kind in (Kind.JOINT, Kind.FILLER) or item.value in call.words.acknowledgements or not item.value.isalnum()
    )


def _goes_on(call: Call, chain: list[Run], run: Run) -> bool:
    """Whether a run may belong to a chain: not if it repeats a number, or makes one longer than any number is."""
    if (run.value == chain[-1].value and run.digits >= REPEATED) or sum(
        len(part.value) for part in [*chain, run]
    ) > LONGEST:
        return False
    between = range(chain[-1].utterance + 1, run.utterance)
    return len(between) <= FURTHEST and all(leaves_open(call, other) for other in between)
