// How far a run is, asked again every few seconds until it has ended.

import { useEffect, useState } from "react";

import type { RunStates } from "./types";

const EVERY = 2000;
const AFTER_FAILURE = 10000;

export function useStates(address: string | undefined, first: RunStates | undefined): [RunStates | undefined, boolean] {
  const [states, setStates] = useState(first);
  const [failed, setFailed] = useState(false);
  const ended = states?.ended ?? false;

  useEffect(() => {
    if (!address || ended) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      let pause = EVERY;
      if (!document.hidden) {
        try {
          const answer = await fetch(address, { signal: stop.signal, headers: { Accept: "application/json" } });
          if (!answer.ok) throw new Error(String(answer.status));
          setStates((await answer.json()) as RunStates);
          setFailed(false);
        } catch {
          if (stop.signal.aborted) return;
          setFailed(true);
          pause = AFTER_FAILURE;
        }
      }
      timer = setTimeout(() => void ask(), pause);
    };
    timer = setTimeout(() => void ask(), first ? EVERY : 0);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [address, ended, first]);

  return [states, failed];
}
