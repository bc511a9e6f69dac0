// A value that the page asks its agent for: loading, there, or failed, with a way to ask anew.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<Value> {
  /** The latest value, which stays while a newer one is loading. */
  readonly value: Value | undefined;
  readonly error: Error | undefined;
  reload(): Promise<void>;
}

/** `keys`: the value is asked for anew where one of them changes. An answer that a newer one overtook is dropped. */
export function useLoaded<Value>(load: () => Promise<Value>, keys: readonly unknown[]): Loaded<Value> {
  const [state, setState] = useState<{ value?: Value; error?: Error }>({});
  const turn = useRef(0);
  // The keys stand for what `load` uses.
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const value = await load();
      if (mine === turn.current) setState({ value });
    } catch (error) {
      if (mine === turn.current) setState((before) => ({ ...before, error: error as Error }));
    }
  }, keys);
  useEffect(() => {
    void reload();
    return () => {
      turn.current++;
    };
  }, [reload]);
  return { value: state.value, error: state.error, reload };
}
