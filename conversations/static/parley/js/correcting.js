// Words chosen with the mouse are corrected from a bar; from the keyboard, the form of an utterance does the same.

import { utteranceInFocus, utteranceSaid } from "parley/transcript";

const WORDS = "span:not(.entity, .hidden-words, .why), .pill";
const bar = document.getElementById("correct-bar");

// The utterance in which words are chosen, and their places; nothing when the choice goes beyond one utterance.
function chosen() {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const within = range.commonAncestorContainer;
  const spoken = (within.nodeType === Node.ELEMENT_NODE ? within : within.parentElement).closest(".spoken");
  if (!spoken) return null;
  return { utterance: spoken.closest(".utterance"), places: places(spoken, (word) => range.intersectsNode(word)) };
}

function ofPill(pill) {
  const spoken = pill.closest(".spoken");
  return { utterance: spoken.closest(".utterance"), places: places(spoken, (word) => word === pill), isHidden: true };
}

function places(spoken, isMeant) {
  return [...spoken.querySelectorAll(WORDS)].flatMap((word, place) => (isMeant(word) ? [place] : []));
}

// What is hidden is likely to be shown, and what is in the clear to be hidden.
function likely(isHidden) {
  const labels = [...bar.elements.label.options].map((option) => option.value);
  return (isHidden ? labels : labels.filter((label) => label !== "show"))[0];
}

function show(choice) {
  bar.hidden = !choice || choice.places.length === 0;
  if (bar.hidden) return;
  bar.elements.seen.value = document.getElementById("transcript").dataset.seen;
  bar.elements.utterance.value = choice.utterance.dataset.index;
  bar.elements.label.value = likely(choice.isHidden);
  const said = document.getElementById("correct-said");
  const many = choice.places.length;
  said.textContent = many === 1 ? said.dataset.one : said.dataset.many.replace("N", many);
  document.getElementById("correct-words").replaceChildren(...choice.places.map((place) => {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "word", value: place });
    return field;
  }));
}

if (bar) {
  document.addEventListener("mouseup", (event) => {
    if (event.target.closest?.("#correct-bar")) return;
    const pill = event.target.closest?.(".spoken .pill");
    setTimeout(() => show(pill ? ofPill(pill) : chosen())); // once the browser has made of the click what it makes of it
  });
  document.getElementById("correct-close").addEventListener("click", () => show(null));
}

export function beginCorrection() {
  (utteranceInFocus() ?? utteranceSaid())?.querySelector(".correct-this")?.click();
}

document.addEventListener("htmx:afterSettle", (event) => {
  event.detail.target.closest(".correct-place")?.querySelector("[name=word]")?.focus();
});

function closeForm(inside) {
  const utterance = inside.closest(".utterance");
  if (!utterance) return false;
  utterance.querySelector(".correct-place").replaceChildren();
  utterance.focus({ preventScroll: true });
  return true;
}

document.addEventListener("click", (event) => {
  const cancel = event.target.closest(".correct .cancel");
  if (cancel && closeForm(cancel)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (bar) bar.hidden = true;
  const form = event.target.closest?.(".correct");
  if (form) closeForm(form);
});
