// What can be put in: kinds of steps, and the actions of platforms.

import { useEffect, useMemo, useRef, useState } from "react";

import { Icon } from "./Nodes";
import type { PaletteGroup, PaletteItem } from "./types";

interface Props {
  groups: PaletteGroup[];
  title: string;
  onChoose: (item: PaletteItem) => void;
  onClose?: (() => void) | undefined;
}

export function Palette({ groups, title, onChoose, onClose }: Props) {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);

  useEffect(() => {
    if (onClose) field.current?.focus();
  }, [onClose]);

  const found = useMemo(
    () =>
      groups
        .map((group) => ({
          ...group,
          items: group.items.filter((item) => {
            const all = `${group.label} ${item.label} ${item.description}`.toLowerCase();
            return words.every((word) => all.includes(word));
          }),
        }))
        .filter((group) => group.items.length),
    [groups, words.join(" ")],
  );

  return (
    <section className={`so-flow-side${onClose ? "" : " so-flow-idle"}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {onClose ? (
          <button type="button" className="so-button so-small" onClick={onClose} aria-label={gettext("Close")}>
            <Icon name="close" />
          </button>
        ) : null}
      </header>
      <label className="so-flow-search">
        <Icon name="search" />
        <input
          ref={field}
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={gettext("Find an action")}
          aria-label={gettext("Find an action")}
        />
      </label>
      <div className="so-flow-groups">
        {found.map((group) => (
          <details key={`${group.label} ${words.length > 0}`} open={words.length > 0 || !group.note}>
            <summary>
              {group.label}
              {group.note ? <span className="so-note"> {group.note}</span> : null}
            </summary>
            <ul>
              {group.items.map((item) => (
                <li key={item.value}>
                  <button type="button" title={item.description} onClick={() => onChoose(item)}>
                    <Icon name={item.icon} />
                    <span className="so-flow-choice">
                      <span>{item.label}</span>
                      {item.description ? <span className="so-note">{item.description}</span> : null}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </details>
        ))}
        {found.length ? null : <p className="so-note">{gettext("Nothing of that name.")}</p>}
      </div>
    </section>
  );
}
