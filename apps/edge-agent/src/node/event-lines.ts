// Reads Server-Sent Events, as far as this agent's own stream uses them.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

import { AppError } from "@attune/shared/errors";

/** Longer than any event. A stream that exceeds it is not the agent's. */
const maxPendingUnits = 1_048_576;

/** The data of each event. Ends with the stream, and where the connection is cut; throws the signal's reason. */
export async function* dataOfEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for await (const bytes of body) {
      pending += decoder.decode(bytes, { stream: true });
      const blocks = pending.split("\n\n");
      pending = blocks.pop()!;
      if (pending.length > maxPendingUnits) throw new AppError("REPLY_TOO_LARGE", "an event of the agent never ends");
      for (const block of blocks) {
        const lines = block.split("\n").filter((line) => line.startsWith("data: "));
        if (lines.length > 0) yield lines.map((line) => line.slice("data: ".length)).join("\n");
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    // A connection that is cut ends the stream, as an orderly end does.
    if (!(error instanceof TypeError)) throw error;
  }
}
