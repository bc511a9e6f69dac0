// Reads what was said, one utterance a line, and writes the emotion of each with its probability. For example, on a
// Jetson: whisper-stream --model base.en | node docs/emotion-pipe.js > /dev/ttyUSB0
// It uses the token that may only predict, so it can neither read nor change what the agent knows.

import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAgent } from "@attune/edge-agent/client";

const agent = connectAgent({ scope: "predict" });
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

/** Waits for an agent that restarts, or has no release yet. */
async function predict(text) {
  for (;;) {
    try {
      return await agent.predict({ text }, { signal: stop.signal });
    } catch (error) {
      if (!["AGENT_NOT_RUNNING", "NO_RELEASE"].includes(error.code)) throw error;
      await sleep(500, undefined, { signal: stop.signal });
    }
  }
}

for await (const line of createInterface({ input: process.stdin, signal: stop.signal })) {
  const text = line.trim();
  if (text === "") continue;
  const { label, probabilities } = await predict(text);
  process.stdout.write(`${label}\t${probabilities[label].toFixed(2)}\n`);
}
