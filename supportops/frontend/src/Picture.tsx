// A picture that is only looked at: of a rule's version, or of a run with how far each step is.

import { useLayoutEffect, useMemo, useRef, useState } from "react";

import { Canvas } from "./Canvas";
import { nodeOf } from "./graph";
import { type Plan, laidOut, planned } from "./layout";
import { useStates } from "./live";
import { Icon } from "./Nodes";
import { Outline } from "./Outline";
import type { Config } from "./types";

// Heights in pixels: a screen that is narrow is high.
const LEAST = 180;
const MOST = 560;
const MOST_NARROW = 760;
const NARROW_FRAME = 460;
// What the picture's own margins add.
const ROOM = 1.12;

export function Picture({ config }: { config: Config }) {
  const { drawing, entries } = config;
  const [states, failed] = useStates(config.statesAt, config.states);
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => setWidth((before) => element.clientWidth || before));
    watcher.observe(element);
    setWidth(element.clientWidth);
    return () => watcher.disconnect();
  }, []);

  // The frame is as high as the picture needs, so that nothing moves once it stands.
  const [plan, height] = useMemo((): [Plan, number] => {
    const most = width < NARROW_FRAME ? MOST_NARROW : MOST;
    const chosen = planned(drawing, width, most, states);
    const size = laidOut(drawing, chosen.direction, chosen.nodeWidth, states);
    const zoom = Math.min(1, width / (size.width * ROOM + 1), most / (size.height * ROOM + 1));
    return [chosen, Math.max(LEAST, Math.ceil(size.height * zoom * ROOM) + 24)];
  }, [drawing, width, states]);

  const open = (key: string) => {
    const name = nodeOf(drawing, key)?.name;
    const entry = entries === undefined || name === undefined ? null : document.getElementById(`${entries}${name}`);
    if (!entry) return;
    entry.scrollIntoView({ block: "center" });
    entry.setAttribute("tabindex", "-1");
    entry.focus({ preventScroll: true });
  };

  return (
    <>
      <div className="so-flow-frame" ref={frame} style={{ height }}>
        {width ? (
          <Canvas
            drawing={drawing}
            plan={plan}
            label={gettext("The steps as a picture")}
            states={states}
            entries={entries}
            onOpen={entries === undefined ? undefined : open}
          />
        ) : null}
      </div>
      <div className="so-flow-foot">
        <span role="status" className="so-note">
          {failed ? (
            <>
              <Icon name="sync_problem" /> {gettext("The server was not reached; asked again in 10 seconds.")}
            </>
          ) : null}
        </span>
      </div>
      <details className="so-flow-list">
        <summary>{gettext("As a list")}</summary>
        <Outline drawing={drawing} states={states} onOpen={entries === undefined ? undefined : open} />
      </details>
    </>
  );
}
