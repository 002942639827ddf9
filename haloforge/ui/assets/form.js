
// The forms of the stages. The server answers every change with what to say beside which field, and what a draft must
// hold; drafts live in this browser. Files dropped on a form are read here and sent as text.
(() => {
  const forms = {};
  const place = (stage) => `halo-forge.form.${stage}`;
  const quietly = (act) => { try { return act(); } catch { return null; } };
  const stored = (stage) => quietly(() => JSON.parse(localStorage.getItem(place(stage))));
  const keep = (stage, draft) => quietly(() => localStorage.setItem(place(stage), JSON.stringify(draft)));

  const sayBeside = (block, sentence) => {
    let said = block.querySelector(":scope > .says");
    if (!sentence) said?.remove();
    else if (said?.textContent !== sentence) {
      said ??= block.appendChild(Object.assign(document.createElement("p"), {className: "says", id: `${block.id}-says`}));
      said.textContent = sentence;
      said.setAttribute("role", "alert");
    }
    const input = block.querySelector("input, textarea");
    if (!input) return;
    input.toggleAttribute("aria-invalid", !!sentence);
    if (sentence) input.setAttribute("aria-describedby", `${block.id}-says`);
    else input.removeAttribute("aria-describedby");
  };

  const decorate = (stage) => {
    const form = document.getElementById(`${stage}-form`);
    const said = forms[stage]?.said;
    if (!form || !said) return;
    for (const block of form.querySelectorAll(".fields .block[id]")) {
      sayBeside(block, said.wrong[block.id]);
      block.classList.toggle("differs", block.id in said.changed);
      block.title = said.changed[block.id] || "";
      const output = said.output[block.id];
      const input = output !== undefined && block.querySelector("input, textarea");
      if (input) input.placeholder = output || "named by itself";
    }
    for (const [id, count] of Object.entries(said.groups)) {
      const group = document.getElementById(id);
      const head = group?.querySelector(".label-wrap > span");
      if (!head) continue;
      const wrong = Object.keys(said.wrong).filter((field) => group.querySelector(`#${CSS.escape(field)}`)).length;
      const text = [count && `${count} changed`, wrong && `${wrong} wrong`].filter(Boolean).join(", ");
      if (head.dataset.count !== text) head.dataset.count = text;
    }
  };

  const dropOn = (stage, trigger) => {
    const side = document.getElementById(`${stage}-form`);
    if (!side) return;
    side.addEventListener("dragover", (event) => { event.preventDefault(); side.classList.add("dropping"); });
    side.addEventListener("dragleave", () => side.classList.remove("dropping"));
    side.addEventListener("drop", async (event) => {
      event.preventDefault();
      side.classList.remove("dropping");
      const file = event.dataTransfer.files[0];
      const yaml = file ? await file.text() : event.dataTransfer.getData("text/plain");
      if (yaml) trigger("select", {yaml, name: file?.name});
    });
    // Gradio leaves a list of choices open when a typed name turns out to be one of them.
    side.addEventListener("focusout", (event) => {
      const input = event.target.closest('input[role="combobox"]');
      if (input) setTimeout(() => input !== document.activeElement && input.dispatchEvent(new FocusEvent("blur")), 200);
    });
    // Fields of a closed group are put on the page when it is opened.
    new MutationObserver(() => decorate(stage)).observe(side, {childList: true, subtree: true});
  };

  // A run that filled the form in is taken out of the address, so that a reload shows what was typed since.
  const forgetSource = (tab) => {
    const address = new URLSearchParams(location.search);
    if (address.get("tab") !== tab || !address.has("from")) return;
    address.delete("from");
    history.replaceState(null, "", `?${address}`);
  };

  window.haloForm = (stage, tab, element, props, watch, trigger) => {
    const form = forms[stage] = {...forms[stage], ready: false};
    window.haloPane(element, props, watch, trigger);
    watch("value", () => {
      const node = element.querySelector("[data-form]");
      if (!node) return;
      form.said = JSON.parse(node.dataset.form);
      decorate(stage);
      if (form.said.open) form.ready = true;
      if (!form.ready) return;
      keep(stage, form.said.draft);
      if (!form.said.open) forgetSource(tab);
      clearTimeout(form.timer);
      form.plan?.classList.add("stale");
      if (form.said.asks) form.timer = setTimeout(() => form.foresee?.({measures: false}), 500);
    });
    dropOn(stage, trigger);
    const address = new URLSearchParams(location.search);
    const isFilled = address.get("tab") === tab && address.has("from");
    setTimeout(() => trigger("select", {open: true, draft: isFilled ? null : stored(stage)}), 0);
  };

  // A pane that asks for its content once it is on the page.
  window.haloOpened = (element, props, watch, trigger) => {
    window.haloPane(element, props, watch, trigger);
    let timer = 0;
    watch("value", () => {
      clearTimeout(timer);
      if (element.querySelector('[data-told="no"]')) timer = setTimeout(() => trigger("submit", {}), 500);
    });
    setTimeout(() => trigger("select", {open: true}), 0);
  };

  window.haloForecast = (stage, element, props, watch, trigger) => {
    const form = forms[stage] = {...forms[stage]};
    Object.assign(form, {plan: element, foresee: (message) => trigger("submit", message)});
    window.haloPane(element, props, watch, trigger);
    watch("value", () => {
      element.classList.remove("stale");
      const told = element.querySelector("[data-wrong]");
      if (told && forms[stage].said && !Object.keys(forms[stage].said.wrong).length) {
        forms[stage].said.wrong = JSON.parse(told.dataset.wrong);
        decorate(stage);
      }
      if (element.querySelector('[data-told="no"]')) forms[stage].foresee({measures: true});
    });
  };
})();
