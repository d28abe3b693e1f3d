// What the editor asks of the server. Errors are sentences for people.

import type { Drawing, Face, Findings, StepDocument, StepNode } from "./types";

/** The form of a step or of the trigger. `step` is null where something in it cannot be read. */
export interface FormAnswer {
  step: StepDocument | null;
  face: Face | null;
  errors: string[];
  html: string;
}

export interface Saved {
  version: number;
  said: string;
  warnings: string[];
  address: string;
  names: Record<string, string>;
}

export interface Started {
  address: string;
  statesAt: string;
}

/** An answer that is not the one hoped for; `body` is what the server said. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly body: unknown,
  ) {
    super(message);
  }
}

function token(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

async function asked<Answer>(address: string, body?: FormData | string, signal?: AbortSignal): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json", "X-CSRFToken": token() };
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  const how: RequestInit = body === undefined ? { headers } : { method: "POST", headers, body };
  if (signal) how.signal = signal;
  let answer: Response;
  try {
    answer = await fetch(address, how);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(gettext("The server was not reached. Nothing is lost: try again."), 0, null);
  }
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json") ?? false;
  const found: unknown = isJson ? await answer.json() : null;
  if (answer.ok && isJson) return found as Answer;
  const detail = (found as { detail?: string } | null)?.detail;
  throw new Refusal(detail ?? gettext("The server did not take this. Sign in again in another tab, or try later."), answer.status, found);
}

interface FormWish {
  /** What the step shall do instead. */
  use?: string;
  /** The form shall be its JSON. */
  isJson?: boolean;
  signal?: AbortSignal;
}

/** The form of a step as it stands. */
export function askForm(address: string, step: StepDocument, { use, isJson, signal }: FormWish = {}) {
  const body = new FormData();
  body.set("original", JSON.stringify(step));
  if (use !== undefined) body.set("use", use);
  if (isJson) body.set("json", "1");
  return asked<FormAnswer>(address, body, signal);
}

/** The step that a form makes. */
export function askFilled(address: string, form: HTMLFormElement) {
  const body = new FormData(form);
  body.set("filled", "1");
  return asked<FormAnswer>(address, body);
}

/** What the server is told of a drawing: all but how it looks. */
function told(drawing: Drawing): unknown {
  const bare = ({ face: _, ...node }: StepNode) => node;
  return { base: drawing.base, list: drawing.list, nodes: drawing.nodes.map(bare) };
}

export function askCheck(address: string, drawing: Drawing, signal: AbortSignal) {
  return asked<Findings>(address, JSON.stringify({ drawing: told(drawing) }), signal);
}

export function askSave(address: string, drawing: Drawing, version: number) {
  return asked<Saved>(address, JSON.stringify({ drawing: told(drawing), version }));
}

export function askRunForm(address: string) {
  return asked<{ html: string }>(address);
}

export function askRun(address: string, inputs: FormData) {
  return asked<Started>(address, inputs);
}
