// Rows of a calendar's form: one more, or one less. Without this file an emptied row is removed by saving.
(() => {
  "use strict";

  const emptied = (row) => {
    row.querySelectorAll("input").forEach((input) => { input.value = ""; });
    return row;
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-row-add], [data-row-clear]").forEach((button) => { button.hidden = false; });
  });

  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-row-add]");
    const clear = event.target.closest("[data-row-clear]");
    if (!add && !clear) return;
    const rows = event.target.closest("[data-rows]").querySelector("[data-rows-in]");
    const all = rows.querySelectorAll("[data-row]");
    if (add) {
      const row = emptied(all[all.length - 1].cloneNode(true));
      rows.append(row);
      row.querySelector("input").focus();
      return;
    }
    const row = clear.closest("[data-row]");
    const next = row.nextElementSibling || row.previousElementSibling;
    if (all.length > 1) row.remove();
    else emptied(row);
    ((next || row).querySelector("input")).focus();
  });
})();
