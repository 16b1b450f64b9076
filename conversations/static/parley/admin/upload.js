// Sends a batch file by file, so that what has come is kept and each file's fate is seen at once.
// Without this script the form sends everything together.
"use strict";

(() => {
    const AT_ONCE = 2;
    const byId = (id) => document.getElementById(id);
    const form = byId("upload");
    const files = byId("id_files");
    const manifest = byId("id_manifest");
    const words = byId("words").dataset;
    const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
    const isManifest = (file) => file.name.toLowerCase().endsWith(".csv");
    const isZip = (file) => file.name.toLowerCase().endsWith(".zip");
    let addresses = null;
    let rows = [];

    // ── Choosing ──

    const chosen = new DataTransfer();

    function choose(more) {
        for (const file of more) {
            if (isManifest(file) && !manifest.files.length) {
                const one = new DataTransfer();
                one.items.add(file);
                manifest.files = one.files;
            } else {
                chosen.items.add(file);
            }
        }
        showChosen();
    }

    function showChosen() {
        files.files = chosen.files;
        const count = byId("chosen-count");
        const { none, one, many } = count.dataset;
        count.textContent = [none, one][chosen.files.length] ?? fill(many, { count: chosen.files.length });
        byId("chosen").hidden = false;
    }

    files.addEventListener("change", () => choose([...files.files]));
    if (files.files.length) choose([...files.files]);  // chosen before this script was there
    byId("forget").addEventListener("click", () => {
        chosen.items.clear();
        manifest.value = "";
        showChosen();
        files.focus();
    });

    const drop = byId("drop");
    for (const name of ["dragenter", "dragover"]) {
        drop.addEventListener(name, (event) => {
            event.preventDefault();
            drop.classList.add("over");
        });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
        event.preventDefault();
        drop.classList.remove("over");
        choose([...event.dataTransfer.files]);
    });

    // ── Sending ──

    function refuse(sentences) {
        byId("upload-errors").replaceChildren(...sentences.map((sentence) => {
            const line = document.createElement("p");
            line.className = "errornote";
            line.textContent = sentence;
            return line;
        }));
        window.scrollTo(0, 0);
    }

    function post(address, body, onProgress = () => {}) {
        return new Promise((resolve, reject) => {
            const request = new XMLHttpRequest();
            request.open("POST", address);
            request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
            request.upload.addEventListener("progress", onProgress);
            request.addEventListener("load", () => {
                try {
                    resolve({ status: request.status, answer: JSON.parse(request.responseText) });
                } catch (error) {
                    reject(error);
                }
            });
            request.addEventListener("error", reject);
            request.send(body);
        });
    }

    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!chosen.files.length) return refuse([words.none]);
        if (chosen.files.length > Number(form.dataset.mostFiles)) return refuse([words.many]);
        const beginning = new FormData(form);
        beginning.delete("files");
        const button = form.querySelector("button[type=submit]");
        button.disabled = true;
        try {
            const { status, answer } = await post(form.dataset.start, beginning);
            if (status !== 201) return refuse(Object.values(answer.errors).flat());
            addresses = answer;
        } catch {
            return refuse([words.broken]);
        } finally {
            button.disabled = false;
        }
        begin();
    });

    function begin() {
        form.hidden = true;
        byId("sending").hidden = false;
        byId("to-batch").href = addresses.page;
        const order = (file) => (isManifest(file) ? 0 : isZip(file) ? 1 : 2);
        rows = [...chosen.files].sort((a, b) => order(a) - order(b)).map(newRow);
        window.addEventListener("beforeunload", askBeforeLeaving);
        send();
    }

    function newRow(file) {
        const element = byId("fate").content.firstElementChild.cloneNode(true);
        element.querySelector(".name").textContent = file.name;
        element.querySelector("progress").setAttribute("aria-label", file.name);
        byId("fates").append(element);
        const row = { file, element, state: "waiting" };
        say(row, words.waiting);
        return row;
    }

    function say(row, word, sentence = "") {
        row.element.querySelector(".word").textContent = word;
        row.element.querySelector(".sentence").textContent = sentence;
    }

    async function send() {
        byId("after").hidden = true;
        showSent();
        // Manifests and zips with manifests go first and alone: what comes after needs them.
        for (const row of rows.filter((each) => isManifest(each.file) || isZip(each.file))) await sendRow(row);
        const queue = rows.filter((row) => row.state === "waiting");
        const worker = async () => {
            for (let row = queue.shift(); row; row = queue.shift()) await sendRow(row);
        };
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
        if (rows.some((row) => row.state === "broken")) {
            byId("after").hidden = false;
            byId("again").focus();
        } else {
            await end();
        }
    }

    async function sendRow(row) {
        if (row.state !== "waiting") return;
        const bar = row.element.querySelector("progress");
        const tooLarge = row.file.size > Number(form.dataset.mostBytes);
        const body = new FormData();
        body.append(tooLarge ? "too_large" : "file", tooLarge ? row.file.name : row.file);
        say(row, words.sending);
        try {
            const { answer } = await post(addresses.files, body, ({ loaded, total }) => {
                bar.value = (100 * loaded) / total;
                if (loaded === total) say(row, words.looking);
            });
            tell(row, answer.items);
        } catch {
            row.state = "broken";
            say(row, "", words.broken);
        }
        showSent();
    }

    function tell(row, items) {
        row.state = "told";
        row.element.querySelector("progress").remove();
        const [first, ...others] = items;
        const show = (element, item) => {
            element.querySelector(".name").textContent = item.name;
            element.querySelector(".word").textContent = item.label;
            element.querySelector(".sentence").textContent = item.sentence;
            element.classList.toggle("failed", item.outcome === "refused");
        };
        show(row.element, first);
        let last = row.element;
        for (const item of others) {
            const element = byId("fate").content.firstElementChild.cloneNode(true);
            element.querySelector("progress").remove();
            show(element, item);
            last.after(element);
            last = element;
        }
    }

    function showSent() {
        const done = rows.filter((row) => row.state === "told").length;
        const line = byId("sent");
        line.textContent = fill(line.dataset.text, { done, total: rows.length });
    }

    byId("again").addEventListener("click", () => {
        for (const row of rows.filter((each) => each.state === "broken")) row.state = "waiting";
        send();
    });

    async function end() {
        try {
            await fetch(addresses.close, {
                method: "POST",
                headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
                redirect: "manual",
            });
        } finally {
            window.removeEventListener("beforeunload", askBeforeLeaving);
            window.location.assign(addresses.page);
        }
    }

    function askBeforeLeaving(event) {
        event.preventDefault();
    }
})();
