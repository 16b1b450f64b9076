// What every page does: times in the reader's zone, polite announcements, menus that close, no polling in the dark.

import { localize } from "parley/times";

const announcer = document.getElementById("announcer");

function enliven(root) {
  localize(root);
  for (const element of root.querySelectorAll(".scripted[hidden]")) element.hidden = false;
}

function announce(root) {
  for (const element of root.querySelectorAll("[data-announce]")) {
    if (announcer.textContent !== element.dataset.announce) announcer.textContent = element.dataset.announce;
  }
}

enliven(document);

document.addEventListener("htmx:afterSettle", () => {
  enliven(document);
  announce(document);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.id === "progress") event.preventDefault();
});

function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== but) menu.open = false;
}

document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details.menu[open]");
  closeMenus(null);
  menu?.querySelector("summary").focus();
});
