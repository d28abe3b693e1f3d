// A form that the server makes, for a step or for the trigger. What is changed in it is read by the server at once.

import { useEffect, useRef, useState } from "react";

import { type FormAnswer, Refusal, askFilled, askForm } from "./asking";
import type { Face, StepDocument } from "./types";

interface Props {
  address: string;
  step: StepDocument;
  label: string;
  isJson: boolean;
  /** Places in the step that are wrong, such as `parameters.channel`. */
  wrong: string[];
  onChange: (step: StepDocument, face: Face) => void;
  onUnreadable: (errors: string[]) => void;
}

const PAUSE = 350;

/** What was typed and is not read yet: sends it at once, and ends when the server has answered. */
const unsettled = new Set<() => Promise<void>>();

export async function settled(): Promise<void> {
  await Promise.all([...unsettled].map((settle) => settle()));
}

/** Shows HTML of the server's in `place`, and lets whoever was typing go on where he was. */
function show(place: HTMLElement, html: string) {
  const active = document.activeElement;
  const id = active instanceof HTMLElement && place.contains(active) ? active.id : "";
  const field = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement ? active : null;
  const caret = id && field && field.type !== "checkbox" ? field.selectionStart : null;
  const opened = [...place.querySelectorAll("details")].map((item) => item.open);
  place.innerHTML = html;
  place.querySelectorAll("details").forEach((item, index) => {
    if (opened[index]) item.open = true;
  });
  const again = id ? document.getElementById(id) : null;
  again?.focus({ preventScroll: true });
  if (caret !== null && (again instanceof HTMLInputElement || again instanceof HTMLTextAreaElement)) {
    again.setSelectionRange(caret, caret);
  }
}

/** Marks the fields that show what is wrong. */
function mark(form: HTMLFormElement, wrong: string[]) {
  const names = new Set(wrong.map((at) => at.replace(/^(parameters|wait|approval|trigger|retry)\./, "").split(".")[0]));
  for (const field of form.querySelectorAll<HTMLElement>("[name]")) {
    const name = field.getAttribute("name")?.replace(/^(step-0-p-|step-0-|rule-|trigger-)/, "") ?? "";
    if (names.has(name)) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

export function ServerForm({ address, step, label, isJson, wrong, onChange, onUnreadable }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const known = useRef<string>("");
  const hadErrors = useRef(false);
  const [trouble, setTrouble] = useState("");
  const [shown, setShown] = useState(0);
  const calls = useRef({ onChange, onUnreadable });
  calls.current = { onChange, onUnreadable };

  // A step that was changed elsewhere (undone, say) is shown anew; what this form itself made is there already.
  const text = JSON.stringify(step);
  useEffect(() => {
    const shape = `${isJson} ${text}`;
    if (shape === known.current) return undefined;
    const stop = new AbortController();
    void askForm(address, JSON.parse(text) as StepDocument, { isJson, signal: stop.signal }).then(
      (answer) => {
        known.current = shape;
        hadErrors.current = false;
        setTrouble("");
        if (form.current) show(form.current, answer.html);
        setShown((count) => count + 1);
        calls.current.onUnreadable([]);
      },
      (error: unknown) => {
        if (error instanceof Refusal) setTrouble(error.message);
      },
    );
    return () => stop.abort();
  }, [address, text, isJson]);

  useEffect(() => {
    const element = form.current;
    if (!element) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let turn = 0;
    let running: Promise<void> = Promise.resolve();

    // Also when the form has gone from the page meanwhile: what was typed in it counts.
    const taken = (answer: FormAnswer, anew: boolean) => {
      if (element.isConnected) {
        setTrouble("");
        if (anew || answer.errors.length || hadErrors.current) show(element, answer.html);
        setShown((count) => count + 1);
      }
      hadErrors.current = answer.errors.length > 0;
      if (answer.step && answer.face) {
        known.current = `${isJson} ${JSON.stringify(answer.step)}`;
        calls.current.onChange(answer.step, answer.face);
      } else {
        calls.current.onUnreadable(answer.errors);
      }
    };
    const send = (anew: boolean) => {
      clearTimeout(timer);
      timer = undefined;
      turn += 1;
      const own = turn;
      running = askFilled(address, element).then(
        (answer) => {
          if (own === turn) taken(answer, anew);
        },
        (error: unknown) => {
          if (error instanceof Refusal) setTrouble(error.message);
        },
      );
    };
    const settle = async () => {
      if (timer !== undefined) send(false);
      await running;
    };
    unsettled.add(settle);
    const changed = (event: Event) => {
      const target = event.target as HTMLElement;
      if (event.type === "change" && target.dataset["reload"]) {
        // The page of the rule's form reloads itself on these; here the form alone comes anew.
        event.stopPropagation();
        send(true);
      } else if (event.type === "change") {
        if (timer !== undefined || !(target instanceof HTMLInputElement && target.type === "text")) send(false);
      } else {
        turn += 1;
        clearTimeout(timer);
        timer = setTimeout(() => send(false), PAUSE);
      }
    };
    const submitted = (event: Event) => {
      event.preventDefault();
      send(false);
    };
    element.addEventListener("input", changed);
    element.addEventListener("change", changed);
    element.addEventListener("submit", submitted);
    return () => {
      element.removeEventListener("input", changed);
      element.removeEventListener("change", changed);
      element.removeEventListener("submit", submitted);
      if (timer !== undefined) send(false);
      void running.then(() => unsettled.delete(settle));
    };
  }, [address, isJson]);

  const places = wrong.join(" ");
  useEffect(() => {
    if (form.current) mark(form.current, places ? places.split(" ") : []);
  }, [places, shown]);

  return (
    <>
      {trouble ? (
        <p className="so-error" role="alert">
          {trouble}
        </p>
      ) : null}
      <form className="so-flow-form" ref={form} aria-label={label} noValidate />
    </>
  );
}
