// The page of a rule. Every button is a form's, and the page works without this; here its parts are drawn anew in
// place, so that nobody loses his place or what he is typing.
(() => {
  "use strict";

  const form = () => document.getElementById("rule_form");
  const page = () => document.getElementById("rule-page");

  // --- the page drawn anew ----------------------------------------------------------------------------------------
  const openParts = () => new Set([...document.querySelectorAll("#rule-page details[id][open]")].map((one) => one.id));

  // What somebody types while an answer is on its way is carried over into what is drawn.
  const stateOf = (field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
  const typedIn = (root) => new Map([...root.querySelectorAll("[id][name]:is(input:not([type=hidden]), select, textarea)")].map((one) => [one.id, stateOf(one)]));
  function carryOver(sent, drawn) {
    let is_carried = false;
    for (const [id, before] of sent) {
      const there = document.getElementById(id), fresh = drawn.querySelector(`[id="${CSS.escape(id)}"]`);
      if (!there || !fresh || stateOf(there) === before || fresh.type !== there.type) continue;
      if (typeof before === "boolean") fresh.checked = there.checked;
      else fresh.value = there.value;
      is_carried = true;
    }
    return is_carried;
  }

  async function redraw(button) {
    const data = new FormData(form()), sent = typedIn(page());
    if (button) data.append(button.name, button.value);
    page().setAttribute("aria-busy", "true");
    const answer = await fetch(form().action, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("rule-page");
    if (!answer.ok || !drawn) return location.reload();
    carryOver(sent, drawn);
    const focused = document.activeElement?.id, open = openParts();
    // What was just chosen closes what it was chosen from.
    if (["_add", "_use"].includes(button?.name)) open.delete("add-step");
    const places = new Set([...document.querySelectorAll(".so-step")].map((one) => one.id));
    for (const id of open) drawn.querySelector(`details[id="${id}"]`)?.setAttribute("open", "");
    page().replaceWith(document.adoptNode(drawn));
    htmx.process(page());
    enhance(page());
    const added = [...document.querySelectorAll(".so-step")].find((one) => !places.has(one.id));
    const first = added?.querySelector(".so-step-body :is(input, textarea, select):not([type=hidden])");
    added?.scrollIntoView({ block: "nearest" });
    (page().querySelector("[data-autofocus]") || first || document.getElementById(focused))?.focus();
    if (!drawn.querySelector("[data-autofocus]") && !added) listErrors();
    page().dispatchEvent(new CustomEvent("supportops:drawn", { bubbles: true }));
  }

  document.addEventListener("submit", (event) => {
    if (event.target !== form() || !event.submitter) return;
    const button = event.submitter;
    if (button.name === "_save" || button.hasAttribute("hx-post")) return;
    event.preventDefault();
    event.stopPropagation(); // nothing is saved by it: what was typed is still to be guarded
    if (button.name === "_row") redrawConditions(button);
    else redraw(button);
  }, true);

  // --- conditions: rows and JSON in step ----------------------------------------------------------------------------
  let asked = null, waiting = 0;
  const OF_CONDITIONS = /^(trigger-|c-|c$|base$|shown-platform$|try-on$|csrfmiddlewaretoken$)/;

  async function conditionsFrom(button) {
    asked?.abort();
    asked = new AbortController();
    const data = new FormData();
    for (const [name, value] of new FormData(form())) if (OF_CONDITIONS.test(name)) data.append(name, value);
    if (button) data.append(button.name, button.value);
    const place = document.getElementById("conditions").dataset.at;
    const answer = await fetch(place, { method: "POST", body: data, signal: asked.signal });
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("conditions");
  }

  function keepCaret(id, action) {
    const before = document.activeElement;
    const [start, end] = [before?.selectionStart, before?.selectionEnd];
    action();
    const field = document.getElementById(id);
    if (!field || field === document.activeElement) return;
    field.focus();
    try {
      if (start != null) field.setSelectionRange(start, end);
    } catch { /* a field without a caret */ }
  }

  async function redrawConditions(button) {
    clearTimeout(waiting); // it would take the place of this, and a button's deed would be lost
    const sent = typedIn(document.getElementById("conditions"));
    const drawn = await conditionsFrom(button).catch(() => null);
    if (!drawn) return;
    const focused = document.activeElement?.id;
    // A button gives rows other numbers, so that nothing can be told of what was typed in which.
    const is_carried = !button && carryOver(sent, drawn);
    if (document.getElementById("conditions-json")?.open) drawn.querySelector("#conditions-json").open = true;
    keepCaret(focused, () => {
      document.getElementById("conditions").replaceWith(document.adoptNode(drawn));
      enhance(document.getElementById("conditions"));
      document.querySelector("#conditions [data-autofocus]")?.focus();
    });
    changedBy(form());
    if (is_carried) refreshConditions(document.getElementById(focused) || form());
  }

  async function refreshConditions(source) {
    const drawn = await conditionsFrom().catch(() => null);
    if (!drawn) return;
    const isText = source.name === "trigger-conditions";
    if (isText) {
      const rows = drawn.querySelector("#condition-rows");
      document.getElementById("condition-rows").replaceWith(document.adoptNode(rows));
      enhance(document.getElementById("condition-rows"));
    } else {
      document.getElementById("id_trigger-conditions").value = drawn.querySelector("#id_trigger-conditions").value;
    }
    document.getElementById("trigger-conditions-base").value = drawn.querySelector("#trigger-conditions-base").value;
    for (const part of drawn.querySelectorAll("[data-live]")) {
      const there = document.getElementById(part.id);
      if (there) there.innerHTML = part.innerHTML;
    }
  }

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.closest("#conditions") || !field.name || field.matches("select[data-redraw]")) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => refreshConditions(field), 350);
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.id === "try-on") return redraw();
    if (!field.closest("#conditions") || !field.matches("[data-redraw]")) return;
    clearTimeout(waiting);
    redrawConditions();
  });
  document.addEventListener("keydown", (event) => {
    const row = event.altKey && event.target.closest("[data-row]");
    const button = row && [...row.querySelectorAll(".so-more-items [data-key]")]
      .find((one) => one.closest("[data-row]") === row && one.dataset.key === event.key);
    if (!button) return;
    event.preventDefault();
    redrawConditions(button);
  });

  // --- menus ----------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.so-more[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("details.so-more[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // --- steps: folded away, dragged, chosen ---------------------------------------------------------------------------
  const FOLDED = "supportops-folded";
  const folded = () => new Set((sessionStorage.getItem(FOLDED) || "").split(" ").filter(Boolean));
  const keyOf = (step) => `${location.pathname}#${step.id}`;
  function fold(step, is_folded) {
    step.classList.toggle("so-collapsed", is_folded);
    step.querySelector("[data-collapse]")?.setAttribute("aria-expanded", String(!is_folded));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-collapse]");
    if (!button) return;
    const step = button.closest(".so-step"), all = folded();
    fold(step, !step.classList.contains("so-collapsed"));
    all[step.classList.contains("so-collapsed") ? "add" : "delete"](keyOf(step));
    sessionStorage.setItem(FOLDED, [...all].join(" "));
  });
  // The order of the cards is the order in which they are sent; only their numbers have to follow.
  document.addEventListener("supportops-sorted", () => {
    document.querySelectorAll(".so-step-number").forEach((one, place) => { one.textContent = `${place + 1}.`; });
    changedBy(form());
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-search]")) return;
    const list = event.target.closest("[data-chooser]");
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = list.querySelector("[data-only][aria-pressed=true]")?.dataset.only;
    let found = 0;
    for (const group of list.querySelectorAll("[data-group]")) {
      let here = 0;
      for (const one of group.querySelectorAll("[data-words]")) {
        const text = one.dataset.words.toLowerCase();
        one.hidden = !words.every((word) => text.includes(word)) || (only && !one.dataset.platforms.split(" ").includes(only));
        here += one.hidden ? 0 : 1;
      }
      group.hidden = !here;
      found += here;
    }
    const nothing = list.querySelector("[data-nothing]");
    if (nothing) nothing.hidden = found > 0;
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-only]");
    if (!chip) return;
    const list = chip.closest("[data-chooser]"), is_pressed = chip.getAttribute("aria-pressed") === "true";
    for (const one of list.querySelectorAll("[data-only]")) one.setAttribute("aria-pressed", String(one === chip && !is_pressed));
    list.querySelector("[data-search]").dispatchEvent(new Event("input", { bubbles: true }));
  });
  document.addEventListener("keydown", (event) => {
    const list = event.target.closest("[data-chooser]");
    if (!list || (list.matches("[data-links]") && !event.target.matches("[data-search], [data-words]"))) return;
    const shown = [...list.querySelectorAll("[data-words]")].filter((one) => !one.hidden && !one.closest("[hidden]"));
    const at = shown.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target.matches("[data-search]")) {
      event.preventDefault();
      shown[0]?.click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = at + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? list.querySelector("[data-search]") : shown[Math.min(next, shown.length - 1)])?.focus();
    }
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.id === "add-step" && event.target.open && document.activeElement === event.target.firstElementChild) event.target.querySelector("[data-search]").focus();
  }, true);

  // --- texts with values: what could stand in them, and what they become for the example event ----------------------
  const isText = (field) => field.matches?.("[data-takes=template]") && !field.disabled;
  const positionOf = (field) => [...document.querySelectorAll(".so-step")].indexOf(field.closest(".so-step"));

  function wantedOf(field) {
    const found = /^step-(\d+)-(p-)?(.+)$/.exec(field.name);
    if (!found || (found[2] && !field.value.includes("{{")) || !field.value.trim()) return null;
    const choice = form().elements[`step-${found[1]}-kind`]?.value || "";
    return { key: field.id, text: field.value.slice(0, 20000), choice, parameter: found[2] ? found[3] : "", position: positionOf(field) };
  }

  async function preview(fields) {
    const address = page().dataset.preview;
    const wanted = fields.map(wantedOf).filter(Boolean).slice(0, 100);
    for (const field of fields) if (!wantedOf(field)) showPreview(field, null);
    if (!address || !wanted.length) return;
    const events = [...document.querySelectorAll("[name=trigger-event]")];
    const types = events[0]?.type === "checkbox"
      ? events.filter((one) => one.checked).map((one) => one.value)
      : (events[0]?.value || "").split(",").map((one) => one.trim()).filter(Boolean);
    const steps = [...document.querySelectorAll(".so-step")].map((one, place) => one.dataset.name || `step-${place + 1}`);
    const body = { fields: wanted, platform: form().elements["shown-platform"]?.value || "", types, event: form().elements["try-on"]?.value || "", steps, rule: page().dataset.rule || null };
    const headers = { "Content-Type": "application/json", "X-CSRFToken": form().elements.csrfmiddlewaretoken.value };
    const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
    if (!answer?.ok) return;
    const { results } = await answer.json();
    for (const one of wanted) {
      const field = document.getElementById(one.key);
      if (field && field.value.slice(0, 20000) === one.text) showPreview(field, results[one.key]);
    }
  }

  function showPreview(field, result) {
    const row = field.closest(".so-field");
    let place = row?.querySelector(".so-preview");
    if (!result) return place?.remove();
    if (!place) {
      place = document.createElement("p");
      place.className = "so-preview";
      place.setAttribute("aria-live", "polite");
      field.after(place);
    }
    place.classList.toggle("so-preview-wrong", Boolean(result.error));
    place.replaceChildren();
    const icon = document.createElement("span");
    icon.className = "material-symbols-outlined";
    icon.setAttribute("aria-hidden", "true");
    icon.textContent = result.error ? "error" : "visibility";
    const text = document.createElement("span");
    text.textContent = result.error
      ? (result.where ? `${result.error} (${result.where})` : result.error)
      : [result.value || gettext("(empty)"), ...(result.warnings || []).map((one) => `⚠ ${one}`)].join("\n");
    place.append(icon, text);
  }

  const texts = (root) => [...root.querySelectorAll("[data-takes=template]")].filter(isText);
  const later = new Map();
  // Where the caret was never placed, what is inserted goes to the end.
  const visited = new WeakSet();
  document.addEventListener("focusin", (event) => { if (isText(event.target)) visited.add(event.target); });
  document.addEventListener("input", (event) => {
    if (!isText(event.target)) return;
    clearTimeout(later.get(event.target.id));
    later.set(event.target.id, setTimeout(() => preview([event.target]), 400));
  });

  function insertButtons(root) {
    for (const field of texts(root)) {
      const row = field.closest(".so-field"), label = row?.querySelector("label");
      if (!label || row.querySelector("[data-insert]")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "so-insert";
      button.dataset.insert = field.id;
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-label", interpolate(gettext("Insert a value into %s"), [label.textContent.trim()]));
      button.textContent = gettext("Insert");
      const head = document.createElement("span");
      head.className = "so-field-head";
      label.replaceWith(head);
      head.append(label, button);
    }
  }

  function closePicker(focus) {
    const picker = document.querySelector(".so-picker");
    if (!picker) return;
    const button = document.querySelector(`[data-insert="${picker.dataset.of}"]`);
    button?.setAttribute("aria-expanded", "false");
    picker.remove();
    if (focus) button?.focus();
  }

  function openPicker(button) {
    closePicker();
    const field = document.getElementById(button.dataset.insert);
    const picker = document.createElement("div");
    picker.className = "so-picker";
    picker.dataset.chooser = "";
    picker.dataset.of = field.id;
    const search = document.createElement("input");
    search.type = "search";
    search.className = "so-input";
    search.dataset.search = "";
    search.placeholder = gettext("Search fields, steps, variables…");
    search.setAttribute("aria-label", search.placeholder);
    const list = document.createElement("div");
    list.className = "so-picker-list";
    const position = positionOf(field), groups = new Map();
    for (const item of JSON.parse(document.getElementById("insertable").textContent)) {
      if (item.after > position) continue;
      if (!groups.has(item.group)) {
        const section = document.createElement("section");
        section.dataset.group = "";
        const head = document.createElement("h4");
        head.textContent = item.group;
        section.append(head);
        groups.set(item.group, section);
        list.append(section);
      }
      const one = document.createElement("button");
      one.type = "button";
      one.dataset.words = `${item.text} ${item.hint}`;
      const name = document.createElement("code"), hint = document.createElement("span");
      name.textContent = item.text;
      hint.className = "so-note";
      hint.textContent = item.hint;
      one.append(name, hint);
      one.addEventListener("click", () => insert(field, item.text));
      groups.get(item.group).append(one);
    }
    const nothing = document.createElement("p");
    nothing.className = "so-note";
    nothing.dataset.nothing = "";
    nothing.hidden = true;
    nothing.textContent = gettext("Nothing is called so.");
    list.append(nothing);
    picker.append(search, list);
    field.after(picker);
    button.setAttribute("aria-expanded", "true");
    search.focus();
  }

  function insert(field, text) {
    // Inside of an expression the name alone, elsewhere with braces around it.
    const at = visited.has(field) ? field.selectionStart : field.value.length, before = field.value.slice(0, at);
    const isInside = before.lastIndexOf("{{") > before.lastIndexOf("}}");
    field.setRangeText(isInside ? text : `{{ ${text} }}`, at, visited.has(field) ? field.selectionEnd : at, "end");
    closePicker();
    field.focus();
    changedBy(field);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) return button.getAttribute("aria-expanded") === "true" ? closePicker() : openPicker(button);
    if (!event.target.closest(".so-picker")) closePicker();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest(".so-picker")) closePicker(true);
  });

  // --- several values as chips ------------------------------------------------------------------------------------------
  function chips(area) {
    if (area.disabled || area.previousElementSibling?.classList.contains("so-chipbox")) return;
    const box = document.createElement("div");
    box.className = "so-input so-chipbox";
    const entry = document.createElement("input");
    entry.setAttribute("aria-label", area.dataset.chipsAdd);
    entry.placeholder = area.dataset.chipsAdd;
    if (area.dataset.chipsList) entry.setAttribute("list", area.dataset.chipsList);
    const values = () => area.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const write = (list) => {
      area.value = list.join("\n");
      draw();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const draw = () => {
      for (const old of box.querySelectorAll(".so-chipbox-chip")) old.remove();
      for (const value of values()) {
        const chip = document.createElement("span");
        chip.className = "so-chipbox-chip";
        chip.append(value);
        const remove = document.createElement("button");
        remove.type = "button";
        remove.textContent = "×";
        remove.setAttribute("aria-label", interpolate(gettext("Remove %s"), [value]));
        remove.addEventListener("click", () => { write(values().filter((one) => one !== value)); entry.focus(); });
        chip.append(remove);
        box.insertBefore(chip, entry);
      }
    };
    const take = () => {
      const typed = entry.value.split(/[\n,;]/).map((part) => part.trim()).filter(Boolean);
      entry.value = "";
      if (typed.length) write([...new Set([...values(), ...typed])]);
    };
    entry.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === ",") {
        event.preventDefault();
        take();
      } else if (event.key === "Backspace" && !entry.value && values().length) {
        write(values().slice(0, -1));
      }
    });
    entry.addEventListener("blur", take);
    box.addEventListener("click", (event) => { if (event.target === box) entry.focus(); });
    box.append(entry);
    area.before(box);
    area.hidden = true;
    draw();
  }

  // --- what is wrong: listed above with the way there, and the first of it in front -------------------------------------
  function listErrors() {
    const list = document.querySelector("#error-summary [data-errors]");
    if (!list) return;
    let first = null;
    for (const error of form().querySelectorAll(".so-error[role=alert]")) {
      const row = error.closest(".so-field, [data-row], .so-step, .so-card");
      const field = row?.querySelector("input:not([type=hidden]), select, textarea:not([hidden])");
      for (let part = error.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
      const item = document.createElement("li"), link = document.createElement("a");
      const label = row?.querySelector("label")?.textContent.trim();
      link.href = field?.id ? `#${field.id}` : "#rule_form";
      link.textContent = label ? `${label.replace(/\s*\*$/, "")}: ${error.textContent.trim()}` : error.textContent.trim();
      if (field) link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); field.scrollIntoView({ block: "center" }); });
      item.append(link);
      list.append(item);
      first ||= field;
    }
    (first || document.getElementById("error-summary")).focus();
    changedBy(form());
  }

  // --- drawn parts get what only scripts can give -------------------------------------------------------------------------
  function changedBy(element) {
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function enhance(root) {
    for (const area of root.querySelectorAll("textarea[data-chips]")) chips(area);
    insertButtons(root);
    if (root.querySelector("[data-takes=template]")) preview(texts(root));
    const away = folded();
    for (const step of root.querySelectorAll(".so-step")) {
      if (away.has(keyOf(step)) && !step.matches(".so-wrong")) fold(step, true);
    }
  }
  if (page()) {
    enhance(page());
    listErrors();
  }
})();
