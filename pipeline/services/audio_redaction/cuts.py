"""What to hide in a recording: a cut for each redaction, on each channel in which its words can be heard."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from operator import attrgetter

from pipeline.documents import Cause, Cut, HiddenBefore, Redaction, Transcript, Utterance, offsets
from pipeline.services.audio_redaction.echo import echo_of
from pipeline.services.audio_redaction.edges import AROUND, FRAMES_PER_SECOND, Edges, Neighbour, widened
from pipeline.services.audio_redaction.samples import Recording


def cuts_of(transcript: Transcript, recording: Recording, pad: float, before: Sequence[HiddenBefore] = ()) -> list[Cut]:
    """The cuts of a recording, in order.

    A redaction without times hides its whole utterance. One on a channel that the recording has not, or of a
    transcript made of another number of channels (two alike taken for one), is hidden on all of them. Where the other
    speaker's channel carries the same words as an echo, they are hidden there too. Where a person hid words in a run
    ``before``, and this one has none, what sounds there is hidden.
    """
    words = {channel: public_words(transcript, channel) for channel in {each.channel for each in transcript.redactions}}
    cuts: list[Cut] = []
    for redaction in transcript.redactions:
        own = [
            _cut(redaction, transcript, channel, words[redaction.channel], recording, pad)
            for channel in _channels(redaction, transcript, recording.channels)
        ]
        cuts += own
        if len(own) == 1:
            cuts += _echoes(own[0], recording)
    for stretch in before:
        for channel in _channels(stretch, transcript, recording.channels):
            public = public_words(transcript, channel if transcript.channels == recording.channels else 0)
            if not any(_overlap(stretch, word) for word in public) and not _is_cut(stretch, channel, cuts):
                cuts.append(_unsaid(stretch, channel, public, recording, pad))
    return sorted(cuts, key=lambda cut: (cut.start, cut.channel))


def _cut(
    redaction: Redaction,
    transcript: Transcript,
    channel: int,
    public: Sequence[Neighbour],
    recording: Recording,
    pad: float,
) -> Cut:
    said = _times(redaction)
    start, end = said or _utterance(redaction, transcript)
    edges = around(Edges(start, end), channel, public, recording, pad)
    return Cut(
        channel=channel,
        start=max(0.0, edges.start),
        end=edges.end,
        cause=Cause.WORDS if said else Cause.UTTERANCE,
        label=redaction.label,
        placeholder=redaction.placeholder,
        said_from=redaction.start if said else None,
        said_to=redaction.end if said else None,
    )


def _unsaid(stretch: HiddenBefore, channel: int, public: Sequence[Neighbour], recording: Recording, pad: float) -> Cut:
    """The cut of a stretch that a person hid before, and of which this transcript has no word."""
    edges = around(Edges(stretch.start, stretch.end), channel, public, recording, pad)
    start, end = max(0.0, edges.start), edges.end
    return Cut(channel=channel, start=start, end=end, cause=Cause.PERSON, label=stretch.label)


def _overlap(stretch: HiddenBefore, word: Neighbour) -> bool:
    """Whether a word that stays lies in a hidden stretch: then a person has shown it in this run."""
    return word.start < stretch.end and stretch.start < word.end


def _is_cut(stretch: HiddenBefore, channel: int, cuts: Sequence[Cut]) -> bool:
    return any(cut.channel == channel and cut.start <= stretch.start and stretch.end <= cut.end for cut in cuts)


def around(said: Edges, channel: int, public: Sequence[Neighbour], recording: Recording, pad: float) -> Edges:
    """A stretch widened to the edges of its sound, between the words that stay, which are in order."""
    origin = max(0.0, round((said.start - AROUND) * FRAMES_PER_SECOND) / FRAMES_PER_SECOND)
    loudness = recording.loudness(channel, origin, said.end + AROUND)
    first = bisect_right(public, said.start, key=attrgetter("middle"))
    last = bisect_left(public, said.end, key=attrgetter("middle"))
    before = public[first - 1] if first else None
    after = public[last] if last < len(public) else None
    return widened(said, before, after, loudness, origin, pad)


def _echoes(cut: Cut, recording: Recording) -> Iterator[Cut]:
    """The same words where they can be heard in another channel."""
    for channel in range(recording.channels):
        found = echo_of(cut, channel, recording) if channel != cut.channel else None
        if found:
            yield Cut(
                channel=channel, start=found.start, end=found.end, cause=Cause.ECHO, label=cut.label,
                placeholder=cut.placeholder, said_from=cut.said_from, said_to=cut.said_to,
            )  # fmt: skip


def public_words(transcript: Transcript, channel: int) -> list[Neighbour]:
    """The words of a channel that stay and whose place is known."""
    hidden = {(each.utterance, each.start_char) for each in transcript.redactions}
    own = (utterance for utterance in transcript.utterances if utterance.channel == channel)
    return sorted((word for each in own for word in _staying(each, hidden)), key=attrgetter("middle"))


def _staying(utterance: Utterance, hidden: Container[tuple[int, int]]) -> Iterator[Neighbour]:
    places = offsets(word.text for word in utterance.words)
    for word, (start_char, _) in zip(utterance.words, places, strict=True):
        if (utterance.index, start_char) not in hidden and word.start is not None and word.end is not None:
            yield Neighbour(word.start, max(word.start, word.end))


def _times(redaction: Redaction) -> tuple[float, float] | None:
    if redaction.start is not None and redaction.end is not None and redaction.start <= redaction.end:
        return redaction.start, redaction.end
    return None


def _utterance(redaction: Redaction, transcript: Transcript) -> tuple[float, float]:
    utterance = transcript.utterances[redaction.utterance]
    return utterance.start, utterance.end


def _channels(hidden: Redaction | HiddenBefore, transcript: Transcript, channels: int) -> tuple[int, ...]:
    every = tuple(range(channels))
    own = hidden.channel
    return (own,) if own is not None and own in every and transcript.channels == channels else every
