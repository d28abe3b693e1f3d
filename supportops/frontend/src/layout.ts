// Where nodes stand. Sizes follow from what a node shows, so that a picture is right at its first drawing.

import { graphlib, layout } from "@dagrejs/dagre";

import { START } from "./graph";
import type { Drawing, Face, RunStates } from "./types";

export type Direction = "TB" | "LR";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  boxes: Map<string, Box>;
  width: number;
  height: number;
}

export const NODE_WIDTH = 236;
const LINE = 17;
const LETTERS = 24;

export function heightOf(face: Face, hasName: boolean, facts: number): number {
  const lines = Math.min(2, Math.ceil(face.title.length / LETTERS)) + (face.detail || hasName ? 1 : 0);
  return 24 + Math.max(36, lines * LINE + 2) + face.marks.length * 20 + (facts ? 30 : 0);
}

export function laidOut(drawing: Drawing, direction: Direction, states?: RunStates): Layout {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: direction, nodesep: direction === "TB" ? 32 : 24, ranksep: direction === "TB" ? 48 : 64 });
  graph.setDefaultEdgeLabel(() => ({}));
  graph.setNode(START, { width: NODE_WIDTH, height: heightOf(drawing.start, false, 0) });
  const known = new Set(drawing.nodes.map((node) => node.key));
  for (const node of drawing.nodes) {
    const facts = states?.steps[node.name] ? 1 : 0;
    graph.setNode(node.key, { width: NODE_WIDTH, height: heightOf(node.face, true, facts) });
  }
  for (const node of drawing.nodes) {
    const after = node.after.filter((key) => known.has(key) && key !== node.key);
    for (const from of after.length || node.unknown.length ? after : [START]) graph.setEdge(from, node.key);
  }
  layout(graph);
  const boxes = new Map<string, Box>();
  let width = 0;
  let height = 0;
  for (const key of graph.nodes()) {
    const at = graph.node(key) as Box;
    const box = { x: at.x - at.width / 2, y: at.y - at.height / 2, width: at.width, height: at.height };
    boxes.set(key, box);
    width = Math.max(width, box.x + box.width);
    height = Math.max(height, box.y + box.height);
  }
  return { boxes, width, height };
}

/** The direction in which a picture is shown larger in a frame of this size. */
export function betterDirection(drawing: Drawing, width: number, height: number, states?: RunStates): Direction {
  const zoom = (direction: Direction) => {
    const size = laidOut(drawing, direction, states);
    return Math.min(1, width / (size.width + 48), height / (size.height + 48));
  };
  return zoom("LR") > zoom("TB") ? "LR" : "TB";
}
