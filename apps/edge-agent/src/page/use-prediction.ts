// The prediction of a text that is being written.

import type { Prediction } from "@attune/shared/contracts/local-api";
import { useEffect, useState } from "preact/hooks";
import { usePage } from "./page-context.js";

/** A pause in typing after which the emotions are asked for. */
const pauseMs = 150;

/** The latest answer, while the text changes; none for no text. An answer that a later text overtook is dropped. */
export function usePrediction(text: string | undefined, onError: (error: Error) => void): Prediction | undefined {
  const { agent } = usePage();
  const [prediction, setPrediction] = useState<Prediction>();
  useEffect(() => {
    if (text === undefined) {
      setPrediction(undefined);
      return;
    }
    let isLatest = true;
    const timer = setTimeout(async () => {
      try {
        const answer = await agent.predict({ text });
        if (isLatest) setPrediction(answer);
      } catch (error) {
        if (isLatest) onError(error as Error);
      }
    }, pauseMs);
    return () => {
      isLatest = false;
      clearTimeout(timer);
    };
  }, [agent, text, onError]);
  return prediction;
}
