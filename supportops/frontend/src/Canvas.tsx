// The picture itself: nodes and lines, laid out by themselves, to be moved and enlarged.

import {
  Background,
  BackgroundVariant,
  type Connection,
  Controls,
  type Edge,
  MiniMap,
  type NodeChange,
  Position,
  ReactFlow,
  type ReactFlowInstance,
  ReactFlowProvider,
} from "@xyflow/react";
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";

import { EDGE_TYPES, type PictureEdge } from "./Edges";
import { START, type Spot, closesCycle, inOrder, nameOf } from "./graph";
import { NARROW, type Plan, laidOut } from "./layout";
import { NODE_TYPES, type NodeData, type PictureNode, spoken } from "./Nodes";
import type { Drawing, Findings, RunStates } from "./types";

interface Props {
  drawing: Drawing;
  plan: Plan;
  label: string;
  states?: RunStates | undefined;
  entries?: string | undefined;
  findings?: Findings | undefined;
  selected?: string | undefined;
  /** Raised where everything shall be laid out anew. */
  arranged?: number;
  onOpen?: ((key: string) => void) | undefined;
  onLeave?: () => void;
  editing?: {
    connect: (from: string, to: string) => void;
    disconnect: (from: string, to: string) => void;
    insert: (spot: Spot) => void;
    remove: (key: string) => void;
  };
}

const NONE: never[] = [];
// What margins add, the size below which letters cannot be read, and that with which a large picture begins.
const ROOM = 1.12;
const READABLE = 0.5;
const BEGINNING = 0.7;
const MARGIN = 16;
const SMALL = { width: 140, height: 110 };

function Flow({ drawing, plan, label, states, entries, findings, selected, arranged, ...rest }: Props) {
  const { onOpen, onLeave, editing } = rest;
  const [moved, setMoved] = useState<Record<string, { x: number; y: number }>>({});
  const [line, setLine] = useState<string>();
  const flow = useRef<ReactFlowInstance<PictureNode, PictureEdge>>(null);
  const frame = useRef<HTMLDivElement>(null);
  const editable = editing !== undefined;
  const opens = onOpen !== undefined;
  const { direction, nodeWidth } = plan;
  const layout = useMemo(() => laidOut(drawing, direction, nodeWidth, states), [drawing, direction, nodeWidth, states]);

  useEffect(() => setMoved({}), [direction, arranged]);

  const nodes = useMemo<PictureNode[]>(() => {
    const names = new Map(drawing.nodes.map((node) => [node.key, nameOf(node)]));
    const place = (key: string) => {
      const box = layout.boxes.get(key) ?? { x: 0, y: 0, width: 0, height: 0 };
      const size = { width: box.width, height: box.height };
      // Named here as well, so that React Flow looks again where the lines begin when the picture is turned.
      const sides =
        direction === "TB"
          ? { sourcePosition: Position.Bottom, targetPosition: Position.Top }
          : { sourcePosition: Position.Right, targetPosition: Position.Left };
      return { position: moved[key] ?? { x: box.x, y: box.y }, ...size, measured: size, ...sides };
    };
    const common = { direction, editable, narrow: nodeWidth === NARROW };
    const start: NodeData = {
      ...common,
      face: drawing.start,
      name: "",
      number: 0,
      state: undefined,
      entry: undefined,
      problems: findings?.problems[START] ?? NONE,
      warnings: findings?.warnings[START] ?? NONE,
    };
    const steps = inOrder(drawing).map((node, index): PictureNode => {
      const data: NodeData = {
        ...common,
        face: node.face,
        name: nameOf(node) === node.face.title ? "" : nameOf(node),
        number: index + 1,
        state: states?.steps[node.name],
        entry: entries === undefined ? undefined : `${entries}${node.name}`,
        problems: findings?.problems[node.key] ?? NONE,
        warnings: findings?.warnings[node.key] ?? NONE,
      };
      const after = node.after.flatMap((key) => names.get(key) ?? []);
      return {
        id: node.key,
        type: "step",
        data,
        ...place(node.key),
        selected: node.key === selected,
        ariaLabel: spoken(data, after),
        ariaRole: opens ? "button" : "group",
      };
    });
    const first: PictureNode = {
      id: START,
      type: "start",
      data: start,
      ...place(START),
      selected: selected === START,
      deletable: false,
      ariaLabel: [gettext("Start"), drawing.start.title, drawing.start.detail].filter(Boolean).join(". "),
      ariaRole: opens ? "button" : "group",
    };
    return [first, ...steps];
  }, [drawing, layout, moved, direction, nodeWidth, editable, opens, states, entries, findings, selected]);

  const edges = useMemo<PictureEdge[]>(() => {
    const known = new Set(drawing.nodes.map((node) => node.key));
    return drawing.nodes.flatMap((node) => {
      const after = node.after.filter((key) => known.has(key));
      const from = after.length || node.unknown.length ? after : [START];
      return from.map((source): PictureEdge => {
        const id = `${source}>${node.key}`;
        const state = states?.steps[node.name];
        const live = state?.status === "running" || state?.status === "waiting";
        return {
          id,
          source,
          target: node.key,
          type: "line",
          selected: id === line,
          focusable: false,
          className: `${live ? "so-live" : ""}${state?.status === "skipped" ? "so-passed-by" : ""}`,
          data: {
            insert: editing?.insert,
            disconnect: editing && source !== START ? editing.disconnect : undefined,
            way: moved[source] || moved[node.key] ? undefined : layout.ways.get(id),
          },
        };
      });
    });
  }, [drawing, states, editing, line, layout, moved]);

  const change = useCallback((changes: NodeChange<PictureNode>[]) => {
    for (const item of changes) {
      const to = item.type === "position" ? item.position : undefined;
      if (item.type === "position" && to) setMoved((before) => ({ ...before, [item.id]: to }));
    }
  }, []);

  // The whole picture is in sight, again where it grows; one too large for that begins where the rule does.
  const [fits, setFits] = useState(true);
  const look = useCallback(
    (isFirst: boolean) => {
      const [width, height] = [frame.current?.clientWidth ?? 0, frame.current?.clientHeight ?? 0];
      if (!width || !flow.current) return;
      const whole = Math.min(width / layout.width, height / layout.height) / ROOM;
      setFits(whole >= READABLE);
      const still = isFirst || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (whole >= READABLE) {
        void flow.current.fitView({ padding: 0.06, maxZoom: 1, duration: still ? 0 : 200 });
      } else if (isFirst) {
        const start = layout.boxes.get(START) ?? { x: 0, y: 0, width: 0, height: 0 };
        const across = direction === "TB" ? width / layout.width : height / layout.height;
        const zoom = Math.min(1, Math.max(BEGINNING, across / ROOM));
        void flow.current.setViewport(
          direction === "TB"
            ? { x: width / 2 - (start.x + start.width / 2) * zoom, y: MARGIN, zoom }
            : { x: MARGIN, y: height / 2 - (start.y + start.height / 2) * zoom, zoom },
        );
      }
    },
    [layout, direction],
  );
  const newest = useRef(look);
  newest.current = look;
  const size = `${Math.round(layout.width)} ${Math.round(layout.height)}`;
  useEffect(() => {
    const timer = setTimeout(() => newest.current(false), 30);
    return () => clearTimeout(timer);
  }, [size]);
  useEffect(() => {
    const timer = setTimeout(() => newest.current(true), 30);
    return () => clearTimeout(timer);
  }, [direction, nodeWidth, arranged]);
  useEffect(() => {
    if (!frame.current) return undefined;
    const watcher = new ResizeObserver(() => newest.current(true));
    watcher.observe(frame.current);
    return () => watcher.disconnect();
  }, []);

  // What was chosen in the list or by a problem is brought into sight.
  useEffect(() => {
    const box = selected === undefined ? undefined : layout.boxes.get(selected);
    if (!box || !flow.current || !frame.current) return;
    const { x, y, zoom } = flow.current.getViewport();
    const [left, top] = [box.x * zoom + x, box.y * zoom + y];
    const isSeen =
      left >= 0 &&
      top >= 0 &&
      left + box.width * zoom <= frame.current.clientWidth &&
      top + box.height * zoom <= frame.current.clientHeight;
    if (!isSeen) void flow.current.setCenter(box.x + box.width / 2, box.y + box.height / 2, { zoom });
  }, [selected, layout]);

  const open = (key: string) => {
    setLine(undefined);
    onOpen?.(key);
  };

  const pressed = (event: KeyboardEvent<HTMLDivElement>) => {
    const element = event.target as HTMLElement;
    const key = element.classList.contains("react-flow__node") ? element.dataset["id"] : undefined;
    if (!key) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      open(key);
    } else if ((event.key === "Delete" || event.key === "Backspace") && key !== START) {
      event.preventDefault();
      editing?.remove(key);
    }
  };

  return (
    <div className="so-flow" ref={frame} onKeyDownCapture={pressed} role="group" aria-label={label}>
      <ReactFlow<PictureNode, PictureEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onInit={(instance) => {
          flow.current = instance;
          newest.current(true);
        }}
        onNodesChange={change}
        onNodeClick={(_, node) => open(node.id)}
        onEdgeClick={(_, edge: Edge) => setLine(editable ? edge.id : undefined)}
        onPaneClick={() => {
          setLine(undefined);
          onLeave?.();
        }}
        onConnect={(made: Connection) => editing?.connect(made.source, made.target)}
        isValidConnection={(made) => made.target !== START && !closesCycle(drawing, made.source, made.target)}
        nodesDraggable={editable}
        nodesConnectable={editable}
        nodesFocusable
        edgesFocusable={false}
        elementsSelectable={editable}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        connectionRadius={32}
        zoomOnScroll={false}
        zoomOnDoubleClick={false}
        preventScrolling={false}
        minZoom={0.2}
        maxZoom={1.5}
        proOptions={{ hideAttribution: true }}
        ariaLabelConfig={{
          "node.a11yDescription.default": editable
            ? gettext("Enter opens the step, Delete removes it.")
            : opens
              ? gettext("Enter goes to what became of the step.")
              : "",
          "node.a11yDescription.keyboardDisabled": "",
          "edge.a11yDescription.default": "",
          "minimap.ariaLabel": gettext("The whole, in small"),
          "controls.ariaLabel": gettext("Size of the picture"),
          "controls.zoomIn.ariaLabel": gettext("Larger"),
          "controls.zoomOut.ariaLabel": gettext("Smaller"),
          "controls.fitView.ariaLabel": gettext("Show all"),
        }}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} />
        <Controls showInteractive={false} fitViewOptions={{ padding: 0.06, maxZoom: 1 }} />
        {fits ? null : <MiniMap pannable zoomable position="bottom-right" nodeBorderRadius={12} style={SMALL} />}
      </ReactFlow>
    </div>
  );
}

export function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}
