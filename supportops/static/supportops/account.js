// What every page has: the first field of a form is ready for typing, and open menus close as people expect.
(() => {
  "use strict";

  // The theme shows the page only once it has begun, and the browser focuses nothing that is hidden.
  document.addEventListener("alpine:initialized", () => {
    setTimeout(() => document.querySelector("main.so-outside [autofocus]")?.focus());
  });

  const close = (menu, returns) => {
    menu.open = false;
    if (returns) menu.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => close(menu, true));
  });
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) close(menu, false);
    });
  });
  document.addEventListener("focusin", (event) => {
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) close(menu, false);
    });
  });
})();
