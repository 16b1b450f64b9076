"""What the engine reads in a recording: twice where the first reading is doubtful, and nothing over silence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, takewhile

from pipeline.documents import Withheld
from pipeline.services.transcription.engine import VOCABULARY_TOKENS, Engine, HeardWord
from pipeline.services.transcription.progress import Progress, Step
from pipeline.services.transcription.recording import Recording
from pipeline.services.transcription.speech import Chunk, joined, together
from pipeline.services.transcription.timeline import SpokenWord, words_of
from pipeline.services.transcription.trust import doubtful, mended, not_said, over_sound


def words_of_chunks(
    recording: Recording, language: str, vocabulary: Sequence[str], recognizer: Engine, progress: Progress
) -> list[tuple[Chunk, Sequence[SpokenWord]]]:
    """The words of each chunk, in order; what is doubtful is read a second time, if that is another reading."""
    known = fitting(vocabulary, recognizer)
    total = sum(chunk.duration for chunk in recording.chunks)
    waiting = Counter(chunk.channel for chunk in recording.chunks)
    read: dict[Chunk, Sequence[SpokenWord]] = {}
    parts: dict[Chunk, Chunk] = {}
    groups: dict[Chunk, list[Chunk]] = {}
    again: list[Future[list[tuple[Chunk, list[HeardWord]]]]] = []
    with ThreadPoolExecutor(1) as aside:
        for chunk, heard in recognizer.hear(recording.chunks, language, known):
            read[chunk] = words_of(chunk, heard, language)
            progress.add(Step.READING, chunk.duration / total)
            waiting[chunk.channel] -= 1
            if recognizer.rereads and not waiting[chunk.channel]:  # while the next channel is read
                own = _doubtful_parts(read, recording, chunk.channel)
                joint = {joined(group): group for group in together(own)}
                again.append(aside.submit(list, recognizer.hear_again(list(joint), language, known)))
                parts |= own
                groups |= joint
        total = sum(part.duration for part in parts)
        for group, heard in chain.from_iterable(each.result() for each in again):
            words = words_of(group, heard, language)
            for part in groups[group]:
                chunk, said = parts[part], [word for word in words if part.start <= word.middle <= part.end]
                read[chunk] = mended(read[chunk], chunk, said, part, recording.sounds[chunk.channel])
            progress.add(Step.READING_AGAIN, group.duration / total)
    return sorted(read.items(), key=lambda item: item[0].start)


def _doubtful_parts(
    read: Mapping[Chunk, Sequence[SpokenWord]], recording: Recording, channel: int
) -> dict[Chunk, Chunk]:
    """What of a channel should be read again, and the chunk that each is a part of."""
    return {
        part: chunk
        for chunk, words in read.items()
        if chunk.channel == channel
        for part in doubtful(words, chunk, recording.sounds[channel])
    }


def fitting(vocabulary: Sequence[str], recognizer: Engine) -> Sequence[str]:
    """The first phrases of a vocabulary, as many as the model takes in. The engines would cut it anywhere, one of them
    from the front."""
    most = takewhile(
        lambda count: recognizer.tokens_of(vocabulary[:count]) <= VOCABULARY_TOKENS, range(1, len(vocabulary) + 1)
    )
    return vocabulary[: max(most, default=0)]


def words_of_channels(
    read: Sequence[tuple[Chunk, Sequence[SpokenWord]]], recording: Recording
) -> tuple[list[list[SpokenWord]], list[Withheld]]:
    """The words of each channel without those written over silence, and where these were.

    A chunk whose words can hardly all have been said passes that on to each: pauses cut a loop into utterances in which
    nothing repeats itself.
    """
    kept: list[list[SpokenWord]] = [[] for _ in recording.speakers]
    withheld: list[Withheld] = []
    for chunk, words in read:
        sound = recording.sounds[chunk.channel]
        real, unreal = over_sound(words, chunk, sound)
        hardly = not_said(real, chunk, sound)
        kept[chunk.channel] += [replace(word, doubtful=hardly) for word in real]
        withheld += unreal
    return kept, withheld
