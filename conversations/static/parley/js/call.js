// The page of a call: its parts are found again whenever the server has filled one in.

import { beginCorrection } from "parley/correcting";
import { aimAt, beginTag, giveTag, underline } from "parley/tagging";
import { attachTranscript, goTo, step } from "parley/transcript";
import * as voice from "parley/voice";
import { attachPlayer } from "parley/waveform";

const page = document.querySelector(".call");

function gather() {
  attachPlayer(document.getElementById("player"), page.dataset.nonce);
  attachTranscript(document.getElementById("transcript"));
  underline();
}

gather();
document.addEventListener("htmx:afterSettle", gather);
if (page.dataset.begin) document.getElementById(location.hash.slice(1))?.focus();

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-seek]");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  goTo(document.getElementById((link.getAttribute("href") ?? "").split("#")[1]));
  voice.seek(Number(link.dataset.seek));
});

const KEYS = {
  " ": voice.toggle,
  ArrowLeft: () => voice.skip(-5),
  ArrowRight: () => voice.skip(5),
  j: () => step(1),
  k: () => step(-1),
  t: beginTag,
  h: beginCorrection,
  u: () => document.getElementById("undo")?.click(),
  Escape: () => aimAt(null),
};
for (let key = 1; key <= 9; key += 1) KEYS[key] = () => giveTag(key);

const TYPING = "input, textarea, select, [contenteditable]";
const PRESSED = `${TYPING}, button, a, summary`; // what the space bar is for already

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || !KEYS[event.key]) return;
  if (event.target.closest(event.key === " " ? PRESSED : TYPING)) return;
  const use = document.getElementById("use-keys");
  if (use && !use.checked) return;
  event.preventDefault();
  KEYS[event.key]();
});
