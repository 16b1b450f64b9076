// The transcript follows the voice, word by word, one word a speaker. Finding the word takes a binary search, so that
// a call of ten thousand words follows as smoothly as one of ten.

import * as voice from "parley/voice";

const LINGERS = 0.4; // seconds for which a word stays marked in the silence after it
const HANDS_OFF = 5000; // milliseconds without following after the reader has scrolled

let section = null;
let lanes = [];
let scrolledAt = -HANDS_OFF;

export function attachTranscript(element) {
  if (element === section) return;
  section = element;
  section.classList.add("scripted");
  const words = new Map();
  for (const word of section.querySelectorAll(".spoken [data-start]")) {
    const lane = word.closest(".utterance").classList[1];
    if (!words.has(lane)) words.set(lane, []);
    words.get(lane).push(word);
  }
  lanes = [...words.values()].map(laneOf);
  section.addEventListener("click", seekToWord);
}

function laneOf(words) {
  words.sort((one, other) => one.dataset.start - other.dataset.start);
  const numbers = (name) => Float64Array.from(words, (word) => Number(word.dataset[name]));
  return { words, starts: numbers("start"), ends: numbers("end"), marked: null };
}

// The place of the last word that starts at or before the time; -1 when none does.
function placeAt(starts, seconds) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

voice.onTime((seconds, playing) => {
  for (const lane of lanes) {
    const place = placeAt(lane.starts, seconds + 0.01);
    const word = place >= 0 && seconds <= lane.ends[place] + LINGERS ? lane.words[place] : null;
    if (word === lane.marked) continue;
    lane.marked?.classList.remove("now");
    word?.classList.add("now");
    lane.marked = word;
    if (word && playing) follow(word);
  }
});

function follow(word) {
  if (!document.getElementById("follow")?.checked || performance.now() - scrolledAt < HANDS_OFF) return;
  const top = document.getElementById("player").getBoundingClientRect().bottom;
  const place = word.getBoundingClientRect();
  if (place.top >= top + 16 && place.bottom <= innerHeight - 64) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  scrollBy({ top: place.top - (top + (innerHeight - top) / 3), behavior: calm ? "instant" : "smooth" });
}

for (const name of ["wheel", "touchmove"]) {
  addEventListener(name, () => { scrolledAt = performance.now(); }, { passive: true });
}

function seekToWord(event) {
  const word = event.target.closest(".spoken [data-start]");
  if (word && getSelection().isCollapsed) voice.seek(Number(word.dataset.start));
}

// The utterance that has the focus; else, if asked, the one being said or said last.
export function utteranceInFocus() {
  return document.activeElement?.closest?.(".utterance") ?? null;
}

export function utteranceSaid() {
  const seconds = voice.now() + 0.01;
  const all = [...section.querySelectorAll(".utterance")];
  return all.findLast((each) => Number(each.dataset.start) <= seconds) ?? all[0] ?? null;
}

export function goTo(utterance) {
  if (!utterance) return;
  voice.seek(Number(utterance.dataset.start));
  utterance.focus({ preventScroll: true });
  utterance.scrollIntoView({ block: "nearest" });
  const hidden = document.getElementById("player").getBoundingClientRect().bottom - utterance.getBoundingClientRect().top;
  if (hidden > 0) scrollBy(0, -hidden - 16);
}

export function step(by) {
  const all = [...section.querySelectorAll(".utterance")];
  const from = utteranceInFocus() ?? utteranceSaid();
  const place = all.indexOf(from);
  const begun = utteranceInFocus() || voice.now() > 0.01;
  goTo(all[Math.min(Math.max(begun ? place + by : place, 0), all.length - 1)]);
}
