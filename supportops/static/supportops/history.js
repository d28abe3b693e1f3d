// Pages of what happened: filters that apply when they are chosen, and parts that look again by themselves.
(() => {
  "use strict";

  // A choice in a bar of filters applies at once; empty fields stay out of the address.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submits]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-submits]")) return;
    for (const field of event.target.querySelectorAll("input, select")) {
      if (!field.value) field.disabled = true;
    }
  });
  // Coming back to the page, its fields are there again.
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[data-submits] :disabled")) field.disabled = false;
  });

  // Rows that are ticked: the buttons below say for how many they are meant.
  const count = (form) => {
    const boxes = [...form.querySelectorAll("input[name=_selected_action]")];
    const ticked = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-ticks-all]");
    if (all) { all.checked = ticked > 0 && ticked === boxes.length; all.indeterminate = ticked > 0 && ticked < boxes.length; }
    for (const button of form.querySelectorAll("[data-actions] button")) button.disabled = !ticked;
    const said = form.querySelector("[data-ticked]");
    if (said) {
      said.textContent = ticked
        ? interpolate(ngettext("%s selected", "%s selected", ticked), [ticked])
        : gettext("Tick rows to do something with them.");
    }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("#changelist-form");
    if (!form) return;
    if (event.target.matches("[data-ticks-all]")) {
      for (const box of form.querySelectorAll("input[name=_selected_action]")) box.checked = event.target.checked;
    }
    count(form);
  });
  for (const form of document.querySelectorAll("#changelist-form")) if (form.querySelector("[data-actions]")) count(form);

  // Parts that look again by themselves: <div id data-poll="address" data-every="milliseconds">. A part that comes
  // without the address has ended. Nobody is asked while nobody looks, and nothing is taken from under somebody's hands.
  const keyOf = (fold, index) => fold.dataset.fold || String(index);
  const isBusy = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  const look = async (id) => {
    const part = document.getElementById(id);
    if (!part || !part.dataset.poll) return;
    const again = () => setTimeout(() => look(id), Number(part.dataset.every || 2000));
    const parts = [part, ...(part.dataset.with || "").split(" ").filter(Boolean).map((one) => document.getElementById(one))];
    const isHeld = () => document.hidden || parts.some((one) => one && isBusy(one));
    if (isHeld()) { again(); return; }
    let text;
    try {
      const answer = await fetch(part.dataset.poll, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (!answer.ok) return; // signed out, or gone
      text = await answer.text();
    } catch {
      again(); // the network, or a restart
      return;
    }
    if (isHeld()) { again(); return; }
    const read = new DOMParser().parseFromString(text, "text/html");
    if (!read.getElementById(id)) return;
    for (const one of [id, ...(part.dataset.with || "").split(" ").filter(Boolean)]) renew(one, read.getElementById(one));
    look.wait(id);
  };
  const renew = (id, found) => {
    const part = document.getElementById(id);
    if (!part || !found) return;
    const folds = new Map([...part.querySelectorAll("details")].map((fold, index) => [keyOf(fold, index), fold.open]));
    [...found.querySelectorAll("details")].forEach((fold, index) => {
      if (folds.has(keyOf(fold, index))) fold.open = folds.get(keyOf(fold, index));
    });
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceWith(found);
    if (focused) document.getElementById(focused)?.focus();
  };
  look.wait = (id) => {
    const part = document.getElementById(id);
    if (part && part.dataset.poll) setTimeout(() => look(id), Number(part.dataset.every || 2000));
  };
  for (const part of document.querySelectorAll("[data-poll][id]")) look.wait(part.id);
})();
