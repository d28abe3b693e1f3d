// The editor: the picture, the chosen step beside it, and what can be done to the whole.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { Refusal, type Started, askCheck, askForm, askSave } from "./asking";
import { Canvas } from "./Canvas";
import { Question, RunDialog } from "./Dialogs";
import {
  START,
  type Spot,
  closesCycle,
  connect,
  disconnect,
  freeId,
  insert,
  nameOf,
  nodeOf,
  remove,
  setAfter,
  setStep,
} from "./graph";
import { useHistory } from "./history";
import { type Plan, planned } from "./layout";
import { useStates } from "./live";
import { Icon } from "./Nodes";
import { Outline } from "./Outline";
import { Palette } from "./Palette";
import { settled } from "./ServerForm";
import { StepPanel } from "./StepPanel";
import type { Addresses, Config, Drawing, Face, Findings, PaletteItem, StepDocument } from "./types";
import { filled } from "./words";

const NOTHING: Findings = { problems: {}, warnings: {} };
const CHECK_AFTER = 500;

/** Something to tell: a notice above the picture, read out by screen readers. */
interface Notice {
  tone: "yes" | "no" | "plain";
  text: string;
}

/** What fills the side: a step (or the start), or the palette: for a step, for a spot, or for wherever. */
type Side =
  | { kind: "step"; key: string }
  | { kind: "replace"; key: string }
  | { kind: "add"; spot: Spot }
  | { kind: "palette" };

function lastOf(drawing: Drawing): string {
  const waited = new Set(drawing.nodes.flatMap((node) => node.after));
  return drawing.nodes.filter((node) => !waited.has(node.key)).at(-1)?.key ?? START;
}

export function Editor({ config, addresses }: { config: Config; addresses: Addresses }) {
  const { now: drawing, set, amend, undo, redo, canUndo, canRedo } = useHistory(config.drawing);
  const [saved, setSaved] = useState(config.drawing);
  const [version, setVersion] = useState(config.version ?? 0);
  const [side, setSide] = useState<Side>(config.drawing.nodes.length ? { kind: "palette" } : { kind: "step", key: START });
  const [findings, setFindings] = useState(NOTHING);
  const [unreadable, setUnreadable] = useState<Record<string, string[]>>({});
  const [notice, setNotice] = useState<Notice>();
  const [leaving, setLeaving] = useState<string>();
  const [asksRun, setAsksRun] = useState(false);
  const [run, setRun] = useState<Started>();
  const [busy, setBusy] = useState(false);
  const [turned, setTurned] = useState<Plan["direction"]>();
  const [arranged, setArranged] = useState(0);
  const [states] = useStates(run?.statesAt, undefined);
  const counter = useRef(0);
  const frame = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const isDirty = drawing !== saved;
  const chosen = side.kind === "step" || side.kind === "replace" ? side.key : undefined;
  const node = chosen === undefined ? undefined : nodeOf(drawing, chosen);

  // The direction that suits what was there at first; later ones would make everything jump.
  const first = useMemo(
    () => (size.width ? planned(config.drawing, size.width, size.height) : undefined),
    [size.width > 0, size.width < 460],
  );
  const plan = useMemo<Plan | undefined>(() => first && { ...first, direction: turned ?? first.direction }, [first, turned]);

  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => {
      // Hidden for a moment it is no smaller.
      if (element.clientWidth) setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);

  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      askCheck(addresses.check, drawing, stop.signal).then(setFindings, (error: unknown) => {
        if (error instanceof Refusal) setNotice({ tone: "no", text: error.message });
      });
    }, CHECK_AFTER);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [addresses.check, drawing]);

  useEffect(() => {
    if (!isDirty) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isDirty]);

  const change = useCallback(
    (made: (now: Drawing) => Drawing, what = "") => {
      setRun(undefined);
      set(made, what);
    },
    [set],
  );
  const latest = useRef({ drawing, unreadable, version });
  latest.current = { drawing, unreadable, version };

  const tie = useCallback(
    (from: string, to: string) => {
      const other = nodeOf(drawing, to);
      if (!other) return;
      if (closesCycle(drawing, from, to)) {
        setNotice({ tone: "no", text: gettext("These steps would wait for each other, so they are not connected.") });
        return;
      }
      setNotice(undefined);
      change((now) => connect(now, from, to));
    },
    [drawing, change],
  );

  const add = async (spot: Spot, item: PaletteItem) => {
    counter.current += 1;
    const key = `new${counter.current}`;
    const wish = item.value.split(/[:@]/).at(-1) ?? "step";
    try {
      const answer = await askForm(addresses.step, { id: freeId(drawing, wish) }, { use: item.value });
      if (!answer.face || !answer.step) return;
      const { step: made, face } = answer;
      change((now) => insert(now, spot, key, made, face));
      setSide({ kind: "step", key });
      setNotice({ tone: "plain", text: filled(gettext("%(title)s was put in."), { title: answer.face.title }) });
    } catch (error) {
      setNotice({ tone: "no", text: error instanceof Error ? error.message : String(error) });
    }
  };

  const replace = async (key: string, item: PaletteItem) => {
    const before = nodeOf(drawing, key);
    if (!before) return;
    try {
      const { step, face } = await askForm(addresses.step, before.step, { use: item.value });
      if (!step || !face) return;
      change((now) => setStep(now, key, step, face));
      setSide({ kind: "step", key });
    } catch (error) {
      setNotice({ tone: "no", text: error instanceof Error ? error.message : String(error) });
    }
  };

  const take = (key: string) => {
    const gone = nodeOf(drawing, key);
    setLeaving(undefined);
    if (!gone) return;
    change((now) => remove(now, key));
    setUnreadable(({ [key]: _, ...others }) => others);
    setSide({ kind: "palette" });
    setNotice({ tone: "plain", text: filled(gettext("%(title)s was removed. Undo brings it back."), { title: gone.face.title }) });
  };

  const save = async () => {
    setBusy(true);
    try {
      // What was typed last may be on its way still.
      await settled();
      await new Promise((ready) => setTimeout(ready));
      await saveNow(latest.current);
    } finally {
      setBusy(false);
    }
  };

  const saveNow = async ({ drawing, unreadable, version }: typeof latest.current) => {
    const unread = Object.values(unreadable).flat();
    if (unread.length) {
      setNotice({ tone: "no", text: `${gettext("Not saved: something that you typed cannot be read.")} ${unread[0] ?? ""}` });
      return;
    }
    try {
      const answer = await askSave(addresses.save, drawing, version);
      if (!config.version) {
        setSaved(drawing);
        window.location.assign(answer.address);
        return;
      }
      const named = (one: Drawing) => ({
        ...one,
        nodes: one.nodes.map((item) => ({ ...item, name: answer.names[item.key] ?? item.name })),
      });
      const next = named(drawing);
      amend((one) => (one === drawing ? next : named(one)));
      setSaved(next);
      setVersion(answer.version);
      setFindings(NOTHING);
      setNotice({ tone: "yes", text: [answer.said, ...answer.warnings].join(" ") });
    } catch (error) {
      const body = error instanceof Refusal ? (error.body as Partial<Findings> | null) : null;
      if (body?.problems) {
        setFindings({ ...NOTHING, ...body });
        const [key, list] = Object.entries(body.problems)[0] ?? [];
        setNotice({ tone: "no", text: `${gettext("Not saved.")} ${list?.[0]?.detail ?? ""}` });
        if (key) setSide({ kind: "step", key });
      } else {
        setNotice({ tone: "no", text: error instanceof Error ? error.message : String(error) });
      }
    }
  };

  const keys = useRef({ undo, redo, save });
  keys.current = { undo, redo, save };
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const inField = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key === "s") {
        event.preventDefault();
        void keys.current.save();
      } else if (key === "z" && !inField) {
        event.preventDefault();
        if (event.shiftKey) keys.current.redo();
        else keys.current.undo();
      } else if (key === "y" && !inField) {
        event.preventDefault();
        keys.current.redo();
      }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);

  const shownFindings = useMemo<Findings>(() => {
    const problems = { ...findings.problems };
    for (const [key, errors] of Object.entries(unreadable)) {
      if (errors.length) problems[key] = [...errors.map((detail) => ({ at: "", detail })), ...(problems[key] ?? [])];
    }
    return { ...findings, problems };
  }, [findings, unreadable]);
  const wrong = Object.values(shownFindings.problems).reduce((sum, list) => sum + list.length, 0);

  const editing = useMemo(
    () => ({
      connect: tie,
      disconnect: (from: string, to: string) => change((now) => disconnect(now, from, to)),
      insert: (spot: Spot) => setSide({ kind: "add", spot }),
      remove: (key: string) => setLeaving(key),
    }),
    [tie, change],
  );

  const open = (key: string) => setSide({ kind: "step", key });
  const close = () => {
    const key = chosen;
    setSide({ kind: "palette" });
    if (key) document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(key)}"]`)?.focus();
  };
  const spotOf = (): Spot => ({ after: side.kind === "step" ? side.key : lastOf(drawing) });

  return (
    <div className="so-flow-editor">
      <div className="so-flow-bar so-row" role="toolbar" aria-label={gettext("Workflow")}>
        <button type="button" className="so-button so-primary" disabled={busy || (!isDirty && version > 0)} onClick={() => void save()}>
          <Icon name="save" /> {version ? filled(gettext("Save as version %(number)s"), { number: version + 1 }) : gettext("Save")}
        </button>
        <button type="button" className="so-button" disabled={!canUndo} onClick={undo} aria-keyshortcuts="Control+Z">
          <Icon name="undo" /> {gettext("Undo")}
        </button>
        <button type="button" className="so-button" disabled={!canRedo} onClick={redo} aria-keyshortcuts="Control+Y">
          <Icon name="redo" /> {gettext("Redo")}
        </button>
        <button type="button" className="so-button" onClick={() => setSide({ kind: "add", spot: spotOf() })}>
          <Icon name="add" /> {gettext("Add a step")}
        </button>
        <button type="button" className="so-button" onClick={() => setArranged(arranged + 1)}>
          <Icon name="auto_fix" /> {gettext("Arrange")}
        </button>
        <button
          type="button"
          className="so-button"
          onClick={() => setTurned((turned ?? first?.direction) === "TB" ? "LR" : "TB")}
          aria-label={gettext("Turn the picture")}
          title={gettext("Turn the picture")}
        >
          <Icon name="rotate_90_degrees_cw" />
        </button>
        {addresses.run && config.mayRun ? (
          <button type="button" className="so-button" onClick={() => setAsksRun(true)}>
            <Icon name="play_arrow" /> {gettext("Run…")}
          </button>
        ) : null}
        <span className="so-flow-say so-note" role="status">
          {wrong
            ? filled(ngettext("%(count)s problem", "%(count)s problems", wrong), { count: wrong })
            : isDirty
              ? gettext("Not saved yet")
              : ""}
        </span>
      </div>
      <div role="status" className="so-flow-notice">
        {notice ? (
          <p className={`so-answer so-row so-between${notice.tone === "plain" ? "" : ` so-${notice.tone}`}`}>
            {notice.text}
            <button type="button" className="so-flow-x" onClick={() => setNotice(undefined)} aria-label={gettext("Close")}>
              <Icon name="close" />
            </button>
          </p>
        ) : null}
        {run ? (
          <p className="so-answer so-row">
            {states ? <span className={`so-badge so-${states.tone}`}>{states.word}</span> : null}
            {gettext("The saved version is run; the picture follows it.")} <a href={run.address}>{gettext("To the run")}</a>
            <button type="button" className="so-button so-small" onClick={() => setRun(undefined)}>
              {gettext("Back to editing")}
            </button>
          </p>
        ) : null}
      </div>
      <div className="so-flow-desk">
        <div className="so-flow-frame" ref={frame}>
          {plan ? (
            <Canvas
              drawing={drawing}
              plan={plan}
              label={gettext("The steps as a picture")}
              states={run ? states : undefined}
              findings={shownFindings}
              selected={chosen}
              arranged={arranged}
              onOpen={open}
              onLeave={() => setSide({ kind: "palette" })}
              editing={editing}
            />
          ) : null}
        </div>
        {side.kind === "step" && (node || side.key === START) ? (
          <StepPanel
            drawing={drawing}
            node={node}
            addresses={addresses}
            findings={shownFindings}
            onStep={(step: StepDocument, face: Face) => {
              setUnreadable(({ [side.key]: _, ...others }) => others);
              if (node) change((now) => setStep(now, side.key, step, face), `step ${side.key}`);
              else change((now) => ({ ...now, base: step, start: face }), START);
            }}
            onUnreadable={(errors) => setUnreadable((before) => ({ ...before, [side.key]: errors }))}
            onAfter={(after) => change((now) => setAfter(now, side.key, after))}
            onAdd={() => setSide({ kind: "add", spot: { after: side.key } })}
            onReplace={() => setSide({ kind: "replace", key: side.key })}
            onRemove={() => setLeaving(side.key)}
            onClose={close}
          />
        ) : side.kind === "replace" ? (
          <Palette
            groups={config.palette ?? []}
            title={filled(gettext("Instead of %(title)s"), { title: nodeOf(drawing, side.key)?.face.title ?? "" })}
            onChoose={(item) => void replace(side.key, item)}
            onClose={() => setSide({ kind: "step", key: side.key })}
          />
        ) : side.kind === "add" ? (
          <Palette
            groups={config.palette ?? []}
            title={placeWords(drawing, side.spot)}
            onChoose={(item) => void add(side.spot, item)}
            onClose={() => setSide({ kind: "palette" })}
          />
        ) : (
          <Palette
            groups={config.palette ?? []}
            title={gettext("Add a step")}
            onChoose={(item) => void add({ after: lastOf(drawing) }, item)}
          />
        )}
      </div>
      <details className="so-flow-list">
        <summary>{gettext("As a list")}</summary>
        <Outline drawing={drawing} states={run ? states : undefined} findings={shownFindings} selected={chosen} onOpen={open} />
      </details>
      {leaving ? (
        <Question
          title={filled(gettext("Remove %(title)s?"), { title: nodeOf(drawing, leaving)?.face.title ?? "" })}
          text={whatGoes(drawing, leaving)}
          yes={gettext("Remove the step")}
          onYes={() => take(leaving)}
          onClose={() => setLeaving(undefined)}
        />
      ) : null}
      {asksRun ? (
        <RunDialog
          address={addresses.run}
          isDirty={isDirty}
          onStarted={(started) => {
            setAsksRun(false);
            setNotice(undefined);
            setRun(started);
          }}
          onClose={() => setAsksRun(false)}
        />
      ) : null}
    </div>
  );
}

function placeWords(drawing: Drawing, spot: Spot): string {
  const title = (key: string) => nodeOf(drawing, key)?.face.title ?? gettext("the start");
  return spot.before === undefined
    ? filled(gettext("Add a step after %(title)s"), { title: title(spot.after) })
    : filled(gettext("Add a step between %(one)s and %(two)s"), { one: title(spot.after), two: title(spot.before) });
}

/** What else changes when a step goes. */
function whatGoes(drawing: Drawing, key: string): string {
  const gone = nodeOf(drawing, key);
  if (!gone) return "";
  const waiting = drawing.nodes.filter((node) => node.after.includes(key)).map(nameOf);
  const before = gone.after.flatMap((one) => nodeOf(drawing, one) ?? []).map(nameOf);
  const used = drawing.nodes.filter(
    (node) => node.key !== key && JSON.stringify(node.step).includes(`steps.${nameOf(gone)}.`),
  );
  const parts = [];
  if (waiting.length && before.length) {
    const values = { names: waiting.join(", "), before: before.join(", ") };
    parts.push(filled(gettext("After that, %(names)s will run after %(before)s."), values));
  } else if (waiting.length) {
    parts.push(filled(gettext("After that, %(names)s will run at the start."), { names: waiting.join(", ") }));
  } else {
    parts.push(gettext("No other step waits for it."));
  }
  if (used.length) {
    parts.push(filled(gettext("Its outcome is used by %(names)s, which must be changed then."), { names: used.map(nameOf).join(", ") }));
  }
  return parts.join(" ");
}
