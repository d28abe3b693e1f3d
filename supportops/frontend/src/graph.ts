// Pure: what can be done to a drawing. Every function gives a new one.

import type { Drawing, Face, StepDocument, StepNode } from "./types";

export const START = "start";

export function nodeOf(drawing: Drawing, key: string): StepNode | undefined {
  return drawing.nodes.find((node) => node.key === key);
}

/** The name by which people know a step. */
export function nameOf(node: StepNode): string {
  return typeof node.step.id === "string" && node.step.id ? node.step.id : node.name || node.face.title;
}

/** All steps that wait for `key`, directly or through others. */
export function followers(drawing: Drawing, key: string): Set<string> {
  const found = new Set<string>();
  const left = [key];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    for (const node of drawing.nodes) {
      if (node.after.includes(next) && !found.has(node.key)) {
        found.add(node.key);
        left.push(node.key);
      }
    }
  }
  return found;
}

/** Whether steps would wait for each other if `to` waited for `from`. */
export function closesCycle(drawing: Drawing, from: string, to: string): boolean {
  return from === to || followers(drawing, to).has(from);
}

/** The steps in an order in which each comes after all that it waits for; else as they stand in the list. */
export function inOrder(drawing: Drawing): StepNode[] {
  const done = new Set<string>();
  const known = new Set(drawing.nodes.map((node) => node.key));
  const result: StepNode[] = [];
  let left = drawing.nodes;
  while (left.length) {
    const ready = left.find((node) => node.after.every((key) => done.has(key) || !known.has(key))) ?? left[0];
    if (!ready) break;
    result.push(ready);
    done.add(ready.key);
    left = left.filter((node) => node !== ready);
  }
  return result;
}

function changed(drawing: Drawing, key: string, change: (node: StepNode) => StepNode): Drawing {
  return { ...drawing, nodes: drawing.nodes.map((node) => (node.key === key ? change(node) : node)) };
}

export function setAfter(drawing: Drawing, key: string, after: string[]): Drawing {
  return changed(drawing, key, (node) => ({ ...node, after }));
}

/** Lets `to` wait for `from`; from the start: for nothing. */
export function connect(drawing: Drawing, from: string, to: string): Drawing {
  return changed(drawing, to, (node) => ({
    ...node,
    after: from === START ? [] : [...node.after.filter((key) => key !== from), from],
  }));
}

export function disconnect(drawing: Drawing, from: string, to: string): Drawing {
  return changed(drawing, to, (node) => ({ ...node, after: node.after.filter((key) => key !== from) }));
}

export function setStep(drawing: Drawing, key: string, step: StepDocument, face: Face): Drawing {
  return changed(drawing, key, (node) => ({ ...node, step, face }));
}

/** Where a new step goes: after one, or between two. */
export interface Spot {
  after: string;
  before?: string;
}

/** Puts a step in: behind `spot.after`, and before `spot.before` where it goes between two. */
export function insert(drawing: Drawing, spot: Spot, key: string, step: StepDocument, face: Face): Drawing {
  const after = spot.after === START ? [] : [spot.after];
  const fresh: StepNode = { key, name: "", step, after, named: false, unknown: [], face };
  const at = drawing.nodes.findIndex((node) => node.key === spot.after) + 1;
  const ends = spot.before === undefined && spot.after !== START && followers(drawing, spot.after).size > 0;
  const nodes = drawing.nodes.map((node) => {
    if (node.key !== spot.before) return node;
    const others = node.after.filter((one) => one !== spot.after);
    return { ...node, after: [...others, key] };
  });
  // A branch of its own goes to the end of the list, so that those before it stay as they are.
  nodes.splice(ends || (spot.after === START && spot.before === undefined) ? nodes.length : at, 0, fresh);
  return { ...drawing, nodes };
}

/** Takes a step out; what waited for it waits for what it waited for. */
export function remove(drawing: Drawing, key: string): Drawing {
  const gone = nodeOf(drawing, key);
  if (!gone) return drawing;
  const nodes = drawing.nodes
    .filter((node) => node.key !== key)
    .map((node) => {
      if (!node.after.includes(key)) return node;
      const after = node.after.flatMap((one) => (one === key ? gone.after : [one]));
      return { ...node, after: [...new Set(after)] };
    });
  return { ...drawing, nodes };
}

/** A free id for a new step, made from what it does. */
export function freeId(drawing: Drawing, wish: string): string {
  const taken = new Set(drawing.nodes.flatMap((node) => [node.name, String(node.step.id ?? "")]));
  const base = wish.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[^A-Za-z_]+/, "").slice(0, 50) || "step";
  let id = base;
  for (let number = 2; taken.has(id); number += 1) id = `${base}-${number}`;
  return id;
}
