// How steps, and what wakes the rule, are drawn.

import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";

import type { Direction } from "./layout";
import type { Face, Problem, StepState } from "./types";
import { filled } from "./words";

export interface NodeData extends Record<string, unknown> {
  face: Face;
  name: string;
  number: number;
  direction: Direction;
  editable: boolean;
  narrow: boolean;
  state: StepState | undefined;
  entry: string | undefined;
  problems: Problem[];
  warnings: Problem[];
}

export type PictureNode = Node<NodeData, "start" | "step">;

export function Icon({ name }: { name: string }) {
  return (
    <span className="material-symbols-outlined so-flow-icon" aria-hidden="true">
      {name}
    </span>
  );
}

function Body({ data }: { data: NodeData }) {
  return (
    <>
      <div className="so-flow-head">
        <span className={`so-flow-badge so-kind-${data.face.kind}`}>
          <Icon name={data.face.icon} />
        </span>
        <span className="so-flow-words">
          <span className="so-flow-title" title={data.face.title}>
            {data.face.title}
          </span>
          {data.face.detail || data.name ? (
            <span className="so-flow-detail">
              {data.face.detail}
              {data.face.detail && data.name ? " · " : ""}
              {data.name ? <code>{data.name}</code> : null}
            </span>
          ) : null}
        </span>
      </div>
      {data.face.marks.map((mark) => (
        <div className="so-flow-mark" key={mark.text} title={mark.text}>
          <Icon name={mark.icon} />
          <span>{mark.text}</span>
        </div>
      ))}
      {data.state ? (
        <div className={`so-flow-state${data.narrow ? " so-narrow" : ""}`}>
          <span className={`so-badge so-${data.state.tone}`}>
            <Icon name={data.state.icon} /> {data.state.word}
          </span>
          <span className="so-flow-facts" title={data.state.facts.join(" · ")}>
            {data.state.facts.join(" · ")}
          </span>
        </div>
      ) : null}
      {data.problems.length || data.warnings.length ? (
        <span
          className={`so-flow-flag ${data.problems.length ? "so-bad" : "so-warn"}`}
          title={[...data.problems, ...data.warnings].map((problem) => problem.detail).join("\n")}
        >
          <Icon name={data.problems.length ? "error" : "warning"} />
          {data.problems.length || data.warnings.length}
        </span>
      ) : null}
    </>
  );
}

function StartNode({ data }: NodeProps<PictureNode>) {
  const out = data.direction === "TB" ? Position.Bottom : Position.Right;
  return (
    <div className="so-flow-node so-flow-start">
      <Body data={data} />
      <Handle type="source" position={out} isConnectable={data.editable} aria-hidden="true" />
    </div>
  );
}

function StepNode({ data }: NodeProps<PictureNode>) {
  const [into, out] =
    data.direction === "TB" ? [Position.Top, Position.Bottom] : [Position.Left, Position.Right];
  return (
    <div className={`so-flow-node${data.state ? ` so-tone-${data.state.tone}` : ""}`}>
      <Handle type="target" position={into} isConnectable={data.editable} aria-hidden="true" />
      <Body data={data} />
      <Handle type="source" position={out} isConnectable={data.editable} aria-hidden="true" />
    </div>
  );
}

export const NODE_TYPES = { start: StartNode, step: StepNode };

/** What a screen reader says of a node. */
export function spoken(data: NodeData, after: string[]): string {
  const parts = [filled(gettext("Step %(number)s: %(title)s"), { number: data.number, title: data.face.title })];
  if (data.name) parts.push(data.name);
  if (data.face.detail) parts.push(data.face.detail);
  if (after.length) parts.push(filled(gettext("runs after %(names)s"), { names: after.join(", ") }));
  parts.push(...data.face.marks.map((mark) => mark.text));
  if (data.state) parts.push(data.state.word, ...data.state.facts);
  parts.push(...[...data.problems, ...data.warnings].map((problem) => problem.detail));
  return parts.join(". ");
}
