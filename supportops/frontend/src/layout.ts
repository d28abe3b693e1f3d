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

/** The way of a line around steps that stand between: the points that it passes, and where it crosses over to each. */
export interface Way {
  points: { x: number; y: number }[];
  crossings: number[];
}

export interface Layout {
  boxes: Map<string, Box>;
  ways: Map<string, Way>;
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
  return 24 + Math.max(36, lines * LINE + 2) + face.marks.length * 20 + (hasState ? (nodeWidth === NARROW ? 46 : 30) : 0);
}

export function laidOut(drawing: Drawing, direction: Direction, width: number, states?: RunStates): Layout {
  const graph = new graphlib.Graph();
  const beside = width === NARROW ? 16 : 32;
  const separation = direction === "TB" ? 56 : 72;
  graph.setGraph({ rankdir: direction, nodesep: direction === "TB" ? beside : 24, ranksep: separation });
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
  return { boxes, ways: waysOf(graph, boxes, direction, separation), width: right, height: bottom };
}

/** Where lines run: they cross over in the gaps between ranks of steps, and pass ranks where the layout left room. */
function waysOf(graph: graphlib.Graph, boxes: Map<string, Box>, direction: Direction, separation: number): Map<string, Way> {
  const along = (point: { x: number; y: number }) => (direction === "TB" ? point.y : point.x);
  const length = (box: Box) => (direction === "TB" ? box.height : box.width);
  const middle = (box: Box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  // Where each rank begins: its longest step's edge, by the middle that all of a rank share.
  const begins = new Map<number, number>();
  for (const box of boxes.values()) {
    const at = Math.round(along(middle(box)));
    begins.set(at, Math.min(begins.get(at) ?? Infinity, at - length(box) / 2));
  }
  const ranks = [...begins].sort((one, other) => one[0] - other[0]);
  const ways = new Map<string, Way>();
  for (const { v, w } of graph.edges()) {
    const points = (graph.edge(v, w) as { points: { x: number; y: number }[] }).points;
    const [from, to] = [boxes.get(v), boxes.get(w)];
    if (!from || !to || along(middle(from)) >= along(middle(to))) continue;
    const passed = ranks.filter(([at]) => at > along(middle(from)) + 1 && at < along(middle(to)) - 1);
    const bends = passed.map(([at]) => {
      const near = points.reduce((best, one) => (Math.abs(along(one) - at) < Math.abs(along(best) - at) ? one : best));
      return direction === "TB" ? { x: near.x, y: at } : { x: at, y: near.y };
    });
    const starts = [...passed.map(([, begin]) => begin), begins.get(Math.round(along(middle(to)))) ?? 0];
    ways.set(`${v}>${w}`, { points: bends, crossings: starts.map((begin) => begin - separation / 2) });
  }
  return ways;
}

/** How a picture is drawn in a frame of this size: nodes as wide as there is room, the direction that shows it larger. */
export interface Plan {
  direction: Direction;
  nodeWidth: number;
}

export function planned(drawing: Drawing, width: number, height: number, states?: RunStates): Plan {
  const nodeWidth = width < 460 ? NARROW : WIDE;
  const zoom = (direction: Direction) => {
    const size = laidOut(drawing, direction, nodeWidth, states);
    return Math.min(1, width / (size.width + 48), height / (size.height + 48));
  };
  return { direction: zoom("LR") > zoom("TB") ? "LR" : "TB", nodeWidth };
}
