// Tagging from the keyboard, on the call or on the utterance in focus; and which entities are underlined.

import { utteranceInFocus } from "parley/transcript";

const STORE = "parley-underlined";

export function aimAt(utterance) {
  const [field, said] = [document.getElementById("tag-utterance"), document.getElementById("tag-target")];
  field.value = utterance ? utterance.dataset.index : "";
  const minute = utterance?.querySelector(".minute").textContent;
  said.textContent = utterance ? `${said.dataset.at} ${minute}` : said.dataset.whole;
  document.getElementById("tag-whole").hidden = !utterance;
}

export function beginTag() {
  aimAt(utteranceInFocus());
  document.getElementById("tag-name").focus();
}

export function giveTag(key) {
  const button = document.querySelector(`#tags [data-key="${key}"]`);
  if (!button) return;
  aimAt(utteranceInFocus());
  button.click();
}

document.addEventListener("click", (event) => {
  const aim = event.target.closest("[data-target], #tag-whole");
  if (!aim) return;
  event.preventDefault();
  aimAt(aim.closest(".utterance"));
  document.getElementById("tag-name").focus();
});

// Escape leaves the field for the utterance that was to be tagged.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.target.id !== "tag-name") return;
  const index = document.getElementById("tag-utterance").value;
  event.target.blur();
  if (index) document.getElementById(`u${index}`)?.focus();
  aimAt(null);
});

// The answer to a tag replaces the form; the focus goes back to where the reader was.
let returnTo = null;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.elt.closest("#tags")) return;
  const index = document.getElementById("tag-utterance").value;
  const inside = event.detail.elt.closest("#tags").contains(document.activeElement);
  returnTo = inside ? (index && event.detail.elt.id === "tag-form" ? `u${index}` : "tag-name") : null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!returnTo) return;
  const element = document.getElementById(returnTo);
  returnTo = null;
  element?.focus({ preventScroll: true });
});

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

export function underline() {
  const choice = remembered();
  for (const box of document.querySelectorAll("[data-underline]")) {
    box.checked = choice[box.dataset.underline] ?? box.defaultChecked;
    for (const entity of document.querySelectorAll(`#transcript .entity[data-kind="${CSS.escape(box.dataset.underline)}"]`)) {
      entity.classList.toggle("off", !box.checked);
    }
  }
}

document.addEventListener("change", (event) => {
  const kind = event.target.dataset.underline;
  if (!kind) return;
  localStorage.setItem(STORE, JSON.stringify({ ...remembered(), [kind]: event.target.checked }));
  underline();
});
