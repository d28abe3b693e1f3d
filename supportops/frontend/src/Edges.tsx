// The lines between steps; in the editor, with what can be done to them.

import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getSmoothStepPath } from "@xyflow/react";

import type { Spot } from "./graph";
import type { Way } from "./layout";
import { Icon } from "./Nodes";

export interface LineData extends Record<string, unknown> {
  insert: ((spot: Spot) => void) | undefined;
  disconnect: ((from: string, to: string) => void) | undefined;
  /** Unknown where one of its ends was moved by hand. */
  way: Way | undefined;
}

export type PictureEdge = Edge<LineData, "line">;

type Ends = Pick<EdgeProps, "sourceX" | "sourceY" | "targetX" | "targetY" | "sourcePosition" | "targetPosition">;

/** The line as a path, and where its buttons stand. */
function pathOf(ends: Ends, way: Way | undefined): [string, number, number] {
  const { sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition } = ends;
  const places = [{ x: sourceX, y: sourceY }, ...(way?.points ?? []), { x: targetX, y: targetY }];
  let path = "";
  let label: [number, number] = [0, 0];
  places.slice(1).forEach((to, index) => {
    const from = places[index] ?? to;
    const crossing = way?.crossings[index];
    const isDown = sourcePosition === "bottom";
    const center = crossing === undefined ? {} : isDown ? { centerY: crossing } : { centerX: crossing };
    const [part, x, y] = getSmoothStepPath({
      sourceX: from.x,
      sourceY: from.y,
      targetX: to.x,
      targetY: to.y,
      sourcePosition,
      targetPosition,
      borderRadius: 10,
      offset: 0,
      ...center,
    });
    path += index === 0 ? part : part.replace(/^M/, "L");
    label = [x, y];
  });
  return [path, ...label];
}

function Line(props: EdgeProps<PictureEdge>) {
  const { source, target, data, selected } = props;
  const [path, x, y] = pathOf(props, data?.way);
  const disconnect = data?.disconnect;
  const insert = data?.insert;
  return (
    <>
      <BaseEdge id={props.id} path={path} markerEnd="url(#so-arrow)" interactionWidth={24} />
      {insert ? (
        <EdgeLabelRenderer>
          <div
            className={`so-flow-line nodrag nopan${selected ? " so-chosen" : ""}`}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            <button
              type="button"
              tabIndex={-1}
              title={gettext("Add a step here")}
              aria-label={gettext("Add a step here")}
              onClick={() => insert({ after: source, before: target })}
            >
              <Icon name="add" />
            </button>
            {selected && disconnect ? (
              <button
                type="button"
                tabIndex={-1}
                title={gettext("Remove this connection")}
                aria-label={gettext("Remove this connection")}
                onClick={() => disconnect(source, target)}
              >
                <Icon name="link_off" />
              </button>
            ) : null}
          </div>
        </EdgeLabelRenderer>
      ) : null}
    </>
  );
}

export const EDGE_TYPES = { line: Line };

/** The arrow's head, once for a page. */
export function ArrowHead() {
  return (
    <svg className="so-flow-defs" aria-hidden="true" width="0" height="0">
      <defs>
        <marker id="so-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="14" markerHeight="14" markerUnits="userSpaceOnUse" orient="auto-start-reverse">
          <path d="M1 1 L9 5 L1 9 Z" className="so-flow-arrow" />
        </marker>
      </defs>
    </svg>
  );
}
