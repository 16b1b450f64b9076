"""``python -m tests.bench.chart < figures > docs/images/transcription-length.svg``: what a longer call costs.

Reads the lines of ``bench-transcription`` and draws, for each length of call, the highest resident memory and the time of
the processors, on which other work of the machine tells less than on the clock.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

LENGTHS = (("4_minutes", "4 min"), ("1_hour", "1 h"), ("4_hours", "4 h"))
WIDTH, HEIGHT, LEFT, BASE, TOP, BAR = 320, 240, 50, 190, 50, 46


def drawn(lines: Iterable[str]) -> str:
    """The picture as SVG. Raises KeyError for a figure that is not among the lines."""
    figures = {each["bench"]: each["value"] for each in map(json.loads, lines)}
    memory = [figures[f"transcription_memory_{name}"] for name, _ in LENGTHS]
    minutes = [figures[f"transcription_processor_seconds_{name}"] / 60 for name, _ in LENGTHS]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" role="img"'
            ' font-family="sans-serif" font-size="13">',
            f"<title>{escape(described(memory, minutes))}</title>",
            f'<rect width="{2 * WIDTH}" height="{HEIGHT}" fill="white"/>',
            *panel(0, "Highest memory of the process, MB", memory, "#35618e", "{:.0f}"),
            *panel(WIDTH, "Processor time, minutes of one core", minutes, "#8a5a1c", "{:.1f}"),
            "</svg>",
        ]
    )


def described(memory: Sequence[float], minutes: Sequence[float]) -> str:
    """The picture in words."""
    parts = (
        f"{name}: {most:.0f} MB, {took:.1f} min" for (_, name), most, took in zip(LENGTHS, memory, minutes, strict=True)
    )
    return "Transcribing a call of " + "; ".join(parts)


def panel(x: int, title: str, values: Sequence[float], colour: str, form: str) -> list[str]:
    """Bars, one a length, over a common base."""
    parts = [f'<text x="{x + LEFT}" y="24" font-weight="bold">{escape(title)}</text>']
    for number, ((_, name), value) in enumerate(zip(LENGTHS, values, strict=True)):
        height = (BASE - TOP) * value / max(values)
        left = x + LEFT + number * (BAR + 30)
        parts += [
            f'<rect x="{left}" y="{BASE - height:.1f}" width="{BAR}" height="{height:.1f}" fill="{colour}"/>',
            f'<text x="{left + BAR / 2}" y="{BASE - height - 6:.1f}" text-anchor="middle">{form.format(value)}</text>',
            f'<text x="{left + BAR / 2}" y="{BASE + 20}" text-anchor="middle">{name}</text>',
        ]
    return parts


if __name__ == "__main__":
    print(drawn(sys.stdin))
