// Choosing many calls at once.

const form = document.getElementById("act");
const all = document.getElementById("choose-all");
const said = document.getElementById("chosen-count");
const boxes = () => [...form.querySelectorAll("input[name=call]")];

function show() {
  const chosen = boxes().filter((box) => box.checked).length;
  document.getElementById("actions").disabled = chosen === 0;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
  said.textContent = chosen === 0 ? "" : chosen === 1 ? said.dataset.one : said.dataset.many.replace("N", chosen);
}

if (form) {
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  show();
}
