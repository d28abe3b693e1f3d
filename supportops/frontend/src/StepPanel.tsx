// Beside the picture: the chosen step, what it runs after, and what is wrong with it.

import { useEffect, useRef, useState } from "react";

import { START, closesCycle, inOrder, nameOf } from "./graph";
import { Icon } from "./Nodes";
import { ServerForm } from "./ServerForm";
import type { Addresses, Drawing, Face, Findings, StepDocument, StepNode } from "./types";
import { filled } from "./words";

interface Props {
  drawing: Drawing;
  node: StepNode | undefined;
  addresses: Addresses;
  findings: Findings;
  onStep: (step: StepDocument, face: Face) => void;
  onUnreadable: (errors: string[]) => void;
  onAfter: (after: string[]) => void;
  onAdd: () => void;
  /** Something else shall be done here. */
  onReplace: () => void;
  onRemove: () => void;
  onClose: () => void;
}

export function StepPanel({ drawing, node, addresses, findings, ...on }: Props) {
  const title = useRef<HTMLHeadingElement>(null);
  const key = node?.key ?? START;
  const face = node?.face ?? drawing.start;
  const problems = findings.problems[key] ?? [];
  const warnings = findings.warnings[key] ?? [];

  const [isJson, setIsJson] = useState(false);
  useEffect(() => setIsJson(false), [key]);
  useEffect(() => title.current?.focus(), [key]);

  return (
    <section
      className="so-flow-side"
      aria-label={gettext("The chosen step")}
      onKeyDown={(event) => {
        if (event.key === "Escape") on.onClose();
      }}
    >
      <header>
        <h2 ref={title} tabIndex={-1}>
          <Icon name={face.icon} /> {node ? face.title : gettext("The rule and what wakes it")}
        </h2>
        <button type="button" className="so-button so-small" onClick={on.onClose} aria-label={gettext("Close")}>
          <Icon name="close" />
        </button>
      </header>
      <div className="so-flow-scroll">
        {problems.map((problem) => (
          <p className="so-error" key={problem.at + problem.detail}>
            {problem.at ? `${problem.at}: ` : ""}
            {problem.detail}
          </p>
        ))}
        {warnings.map((warning) => (
          <p className="so-note" key={warning.at + warning.detail}>
            <Icon name="warning" /> {warning.detail}
          </p>
        ))}
        {node ? (
          <div className="so-row">
            <button type="button" className="so-button so-small" onClick={on.onReplace}>
              <Icon name="swap_horiz" /> {gettext("Do something else here")}
            </button>
            <button type="button" className="so-button so-small" aria-pressed={isJson} onClick={() => setIsJson(!isJson)}>
              <Icon name="data_object" /> {isJson ? gettext("As a form") : gettext("As JSON")}
            </button>
          </div>
        ) : null}
        <ServerForm
          key={key}
          isJson={isJson}
          address={node ? addresses.step : addresses.start}
          step={node ? node.step : drawing.base}
          label={node ? gettext("The step's fields") : gettext("The rule's fields")}
          wrong={problems.map((problem) => problem.at).filter(Boolean)}
          onChange={on.onStep}
          onUnreadable={on.onUnreadable}
        />
        {node ? <After drawing={drawing} node={node} onAfter={on.onAfter} /> : null}
      </div>
      <footer className="so-row so-between">
        <button type="button" className="so-button" onClick={on.onAdd}>
          <Icon name="add" /> {node ? gettext("Add a step after it") : gettext("Add a first step")}
        </button>
        {node ? (
          <button type="button" className="so-button so-danger" onClick={on.onRemove}>
            {gettext("Remove…")}
          </button>
        ) : null}
      </footer>
    </section>
  );
}

function After({ drawing, node, onAfter }: { drawing: Drawing; node: StepNode; onAfter: (after: string[]) => void }) {
  const others = inOrder(drawing).filter((other) => other.key !== node.key);
  if (!others.length) return null;
  return (
    <fieldset className="so-flow-after">
      <legend>{gettext("Runs after")}</legend>
      {others.map((other) => {
        const closes = closesCycle(drawing, other.key, node.key);
        const isOn = node.after.includes(other.key);
        return (
          <label key={other.key} className="so-check">
            <input
              type="checkbox"
              value={other.key}
              checked={isOn}
              disabled={closes && !isOn}
              onChange={() => onAfter(isOn ? node.after.filter((one) => one !== other.key) : [...node.after, other.key])}
            />
            <span>
              {other.face.title} <code>{nameOf(other)}</code>
              {closes && !isOn ? (
                <span className="so-note"> {filled(gettext("(waits for %(name)s itself)"), { name: nameOf(node) })}</span>
              ) : null}
            </span>
          </label>
        );
      })}
      <p className="so-help">{gettext("None: it begins with the run. Several: it waits for all of them.")}</p>
    </fieldset>
  );
}
