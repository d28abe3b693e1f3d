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

/** How wide nodes are: less so on small screens, where two have to stand side by side. */
export const WIDE = 236;
export const NARROW = 164;
const LINE = 17;
// The room beside the icon and around the words, and the average width of a letter.
const BESIDE = 72;
const LETTER = 7.2;

function heightOf(face: Face, nodeWidth: number, hasName: boolean, hasState: boolean): number {
  const titleLines = Math.min(2, Math.ceil((face.title.length * LETTER) / (nodeWidth - BESIDE)));
  const lines = titleLines + (face.detail || hasName ? 1 : 0);
  return 24 + Math.max(36, lines * LINE + 2) + face.marks.length * 20 + (hasState ? 30 : 0);
}

export function laidOut(drawing: Drawing, direction: Direction, width: number, states?: RunStates): Layout {
  const graph = new graphlib.Graph();
  const beside = width === NARROW ? 16 : 32;
  graph.setGraph({ rankdir: direction, nodesep: direction === "TB" ? beside : 24, ranksep: direction === "TB" ? 56 : 72 });
  graph.setDefaultEdgeLabel(() => ({}));
  graph.setNode(START, { width, height: heightOf(drawing.start, width, false, false) });
  const known = new Set(drawing.nodes.map((node) => node.key));
  for (const node of drawing.nodes) {
    const hasState = states?.steps[node.name] !== undefined;
    graph.setNode(node.key, { width, height: heightOf(node.face, width, true, hasState) });
  }
  for (const node of drawing.nodes) {
    const after = node.after.filter((key) => known.has(key) && key !== node.key);
    for (const from of after.length || node.unknown.length ? after : [START]) graph.setEdge(from, node.key);
  }
  layout(graph);
  const boxes = new Map<string, Box>();
  let right = 0;
  let bottom = 0;
  for (const key of graph.nodes()) {
    const at = graph.node(key) as Box;
    const box = { x: at.x - at.width / 2, y: at.y - at.height / 2, width: at.width, height: at.height };
    boxes.set(key, box);
    right = Math.max(right, box.x + box.width);
    bottom = Math.max(bottom, box.y + box.height);
  }
  return { boxes, width: right, height: bottom };
}

/** How a picture is drawn in a frame of this size: nodes as wide as there is room, the direction that shows it larger. */
export interface Plan {
  direction: Direction;
  nodeWidth: number;
}

export function planned(drawing: Drawing, width: number, height: number, states?: RunStates): Plan {
  const nodeWidth = width < 560 ? NARROW : WIDE;
  const zoom = (direction: Direction) => {
    const size = laidOut(drawing, direction, nodeWidth, states);
    return Math.min(1, width / (size.width + 48), height / (size.height + 48));
  };
  return { direction: zoom("LR") > zoom("TB") ? "LR" : "TB", nodeWidth };
}
