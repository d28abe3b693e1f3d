// What the admin's own pages do in the browser. They work without it too: every button is a form's.
(() => {
  "use strict";

  // Copy buttons: <button data-copy="id of a field">
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    event.preventDefault();
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // plain http on another host than localhost has no clipboard
    }
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  // Names of fields: a click writes the name where the caret was last.
  let last = null;
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("textarea[data-takes], input[data-takes]")) last = event.target.id;
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-field]");
    if (!chip) return;
    event.preventDefault();
    const target = (last && document.getElementById(last)) || document.querySelector("textarea[data-takes=condition]");
    if (!target) return;
    const text = target.dataset.takes === "condition" ? JSON.stringify(chip.dataset.field) : `{{ ${chip.dataset.template} }}`;
    const start = target.selectionStart ?? target.value.length;
    target.setRangeText(text, start, target.selectionEnd ?? start, "end");
    target.focus();
  });

  // A choice that decides which fields there are asks the server for the page anew: <select data-reload="button's id">
  document.addEventListener("change", (event) => {
    const name = event.target.dataset && event.target.dataset.reload;
    if (name) document.getElementById(name).click();
  });

  // The server's answer to a wrong form is a page as well: htmx would drop it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if ([400, 403, 409, 422].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // What was typed is not lost by a wrong click.
  let changed = false;
  document.addEventListener("input", (event) => {
    if (event.target.closest("form[data-guarded]")) changed = true;
  });
  document.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
})();
