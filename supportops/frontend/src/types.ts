// What the server gives and takes. Its side: rules/workflow.py, rules/workflow_faces.py, rules/workflow_admin.py.

export interface Mark {
  icon: string;
  text: string;
}

/** What a node shows. */
export interface Face {
  kind: string;
  icon: string;
  title: string;
  detail: string;
  marks: Mark[];
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type StepDocument = { [name: string]: Json };

/** One step. `after` holds the keys of the steps that it waits for; without any it begins at once. */
export interface StepNode {
  key: string;
  name: string;
  step: StepDocument;
  after: string[];
  named: boolean;
  unknown: string[];
  face: Face;
}

export interface Drawing {
  base: StepDocument;
  list: "steps" | "actions";
  nodes: StepNode[];
  start: Face;
}

export type Tone = "good" | "bad" | "warn" | "busy" | "plain";

export interface State {
  status: string;
  tone: Tone;
  icon: string;
  word: string;
}

export interface StepState extends State {
  /** Attempts, times and the like, in words. */
  facts: string[];
}

/** How far a run is. `ended`: nothing changes any more. */
export interface RunStates extends State {
  ended: boolean;
  steps: Record<string, StepState>;
}

export interface Problem {
  at: string;
  detail: string;
}

/** What is wrong with a drawing: by the key of the node, and what belongs to none ("start": to the trigger). */
export interface Findings {
  problems: Record<string, Problem[]>;
  warnings: Record<string, Problem[]>;
}

export interface PaletteItem {
  /** What the server knows it by: `slack:send_message`, `:http_request`, `@wait`. */
  value: string;
  icon: string;
  label: string;
  description: string;
}

export interface PaletteGroup {
  label: string;
  note: string;
  items: PaletteItem[];
}

export interface Addresses {
  step: string;
  start: string;
  check: string;
  save: string;
  run: string;
}

export interface Config {
  mode: "picture" | "run" | "editor";
  drawing: Drawing;
  states?: RunStates;
  statesAt?: string;
  /** Where a step's entry stands on the page of a run, before the step's name. */
  entries?: string;
  version?: number;
  palette?: PaletteGroup[];
  addresses?: Addresses;
  mayRun?: boolean;
}
