// What was drawn, step by step, to be gone back and forth in. Pure but for the hook.

import { useCallback, useReducer } from "react";

const LONGEST = 100;

interface History<T> {
  past: T[];
  now: T;
  future: T[];
  /** What the last change was, so that typing in one field is one change. */
  what: string;
}

type Act<T> = { kind: "set"; change: (now: T) => T; what: string } | { kind: "amend"; change: (now: T) => T } | { kind: "undo" | "redo" };

function next<T>(history: History<T>, act: Act<T>): History<T> {
  const { past, now, future } = history;
  switch (act.kind) {
    case "set": {
      const after = act.change(now);
      if (after === now) return history;
      if (act.what && act.what === history.what) return { ...history, now: after, future: [] };
      return { past: [...past, now].slice(-LONGEST), now: after, future: [], what: act.what };
    }
    case "amend":
      return { past: past.map(act.change), now: act.change(now), future: future.map(act.change), what: "" };
    case "undo": {
      const before = past.at(-1);
      return before === undefined ? history : { past: past.slice(0, -1), now: before, future: [now, ...future], what: "" };
    }
    case "redo": {
      const [after, ...rest] = future;
      return after === undefined ? history : { past: [...past, now], now: after, future: rest, what: "" };
    }
  }
}

export function useHistory<T>(first: T) {
  const [history, act] = useReducer(next<T>, { past: [], now: first, future: [], what: "" });
  return {
    now: history.now,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    /** Changes; changes with the same `what` in a row are one, unless it is empty. */
    set: useCallback((change: (now: T) => T, what = "") => act({ kind: "set", change, what }), []),
    /** Changes what was before and after as well: for what is no doing of the person's. */
    amend: useCallback((change: (now: T) => T) => act({ kind: "amend", change }), []),
    undo: useCallback(() => act({ kind: "undo" }), []),
    redo: useCallback(() => act({ kind: "redo" }), []),
  };
}
