// The same as a list: what a picture shows to the eye.

import { inOrder, nameOf } from "./graph";
import { Icon } from "./Nodes";
import type { Drawing, Findings, RunStates } from "./types";
import { filled } from "./words";

interface Props {
  drawing: Drawing;
  states?: RunStates | undefined;
  findings?: Findings | undefined;
  selected?: string | undefined;
  onOpen?: ((key: string) => void) | undefined;
}

export function Outline({ drawing, states, findings, selected, onOpen }: Props) {
  const names = new Map(drawing.nodes.map((node) => [node.key, nameOf(node)]));
  return (
    <ol className="so-flow-outline">
      {inOrder(drawing).map((node) => {
        const state = states?.steps[node.name];
        const after = node.after.flatMap((key) => names.get(key) ?? []);
        const wrong = [...(findings?.problems[node.key] ?? []), ...(findings?.warnings[node.key] ?? [])];
        const words = (
          <>
            <strong>{node.face.title}</strong> <code>{nameOf(node)}</code>
          </>
        );
        return (
          <li key={node.key}>
            <div className="so-row">
              <Icon name={node.face.icon} />
              {onOpen ? (
                <button
                  type="button"
                  className="so-flow-link"
                  aria-pressed={selected === node.key}
                  onClick={() => onOpen(node.key)}
                >
                  {words}
                </button>
              ) : (
                <span>{words}</span>
              )}
              {state ? <span className={`so-badge so-${state.tone}`}>{state.word}</span> : null}
            </div>
            <p className="so-note">
              {[
                after.length
                  ? filled(gettext("Runs after %(names)s"), { names: after.join(", ") })
                  : gettext("Runs at the start"),
                node.face.detail,
                ...node.face.marks.map((mark) => mark.text),
                ...(state?.facts ?? []),
              ]
                .filter(Boolean)
                .join(" · ")}
            </p>
            {wrong.map((problem) => (
              <p className="so-error" key={`${problem.at} ${problem.detail}`}>
                {problem.detail}
              </p>
            ))}
          </li>
        );
      })}
    </ol>
  );
}
