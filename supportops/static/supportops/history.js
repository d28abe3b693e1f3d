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
})();
