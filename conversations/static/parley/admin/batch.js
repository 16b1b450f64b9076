// Says how far the batch is when that has changed, to those who hear the page.
"use strict";

(() => {
    const said = document.getElementById("said");
    document.body.addEventListener("htmx:afterSettle", () => {
        const words = document.getElementById("moving")?.dataset.said ?? "";
        if (said.textContent !== words) said.textContent = words;
    });
})();
