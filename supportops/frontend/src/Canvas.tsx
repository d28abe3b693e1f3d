// The picture itself: nodes and lines, laid out by themselves, to be moved and enlarged.

import {
  Background,
  BackgroundVariant,
  type Connection,
  Controls,
  type Edge,
  type NodeChange,
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
      return { position: moved[key] ?? { x: box.x, y: box.y }, ...size, measured: size };
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

  // The whole picture is in sight at first, and again where steps come, go or turn.
  const shape = [direction, nodeWidth, Math.round(layout.width), Math.round(layout.height), arranged ?? 0].join(" ");
  useEffect(() => {
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setTimeout(() => flow.current?.fitView({ padding: 0.06, minZoom: 0.45, maxZoom: 1, duration: still ? 0 : 200 }), 30);
    return () => clearTimeout(timer);
  }, [shape]);
  useEffect(() => {
    if (!frame.current) return undefined;
    const watcher = new ResizeObserver(() => flow.current?.fitView({ padding: 0.06, minZoom: 0.45, maxZoom: 1 }));
    watcher.observe(frame.current);
    return () => watcher.disconnect();
  }, []);

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
        fitView
        fitViewOptions={{ padding: 0.06, minZoom: 0.45, maxZoom: 1 }}
        proOptions={{ hideAttribution: true }}
        ariaLabelConfig={{
          "node.a11yDescription.default": editable
            ? gettext("Enter opens the step, Delete removes it.")
            : opens
              ? gettext("Enter goes to what became of the step.")
              : "",
          "node.a11yDescription.keyboardDisabled": "",
          "edge.a11yDescription.default": "",
          "controls.ariaLabel": gettext("Size of the picture"),
          "controls.zoomIn.ariaLabel": gettext("Larger"),
          "controls.zoomOut.ariaLabel": gettext("Smaller"),
          "controls.fitView.ariaLabel": gettext("Show all"),
        }}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} />
        <Controls showInteractive={false} />
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
