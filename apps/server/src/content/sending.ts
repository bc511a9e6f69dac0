// Limits the contents that are on their way to clients. A content that takes too long makes room once
// all places are taken.

import type { Readable } from "node:stream";
import { AppError } from "@attune/shared/errors";

export interface Sending {
  /** Throws TOO_MANY_REQUESTS while all places are taken by clients that are not slow. */
  takePlace(): Place;
}

interface Place {
  /** Keeps the place until the stream closes. */
  holdFor(content: Readable): void;
  leave(): void;
}

interface SendingOptions {
  readonly max: number;
  /** A content that takes longer is cut off where all places are taken. The device resumes from there. */
  readonly slowAfterMs: number;
  readonly now: () => number;
}

/**
 * Each place holds a file and at most 128 KiB that its client has not taken: 32 MiB for all places. Take a thousand
 * devices that download at once over 100 Mbit/s. With 256 sharing the line, a chunk of 256 KiB takes 5 s; with a
 * thousand it would take 20 s. The refused devices back off.
 */
export const defaultSending = { max: 256, slowAfterMs: 20_000 } as const;

export function createSending({ max, slowAfterMs, now }: SendingOptions): Sending {
  /** The taken places, the oldest first. */
  const taken = new Map<Place, { readonly sinceMs: number; readonly content: Readable | undefined }>();

  function makeRoom(): void {
    for (const [place, { sinceMs, content }] of taken) {
      if (now() - sinceMs < slowAfterMs) break;
      if (content === undefined) continue;
      taken.delete(place);
      content.destroy(new AppError("TIMED_OUT", "a client was too slow while others waited"));
      return;
    }
    throw new AppError("TOO_MANY_REQUESTS", "the server sends as many contents at a time as it can");
  }

  return {
    takePlace() {
      if (taken.size >= max) makeRoom();
      const sinceMs = now();
      const place: Place = {
        holdFor(content) {
          taken.set(place, { sinceMs, content });
          content.once("close", place.leave);
        },
        leave: () => void taken.delete(place),
      };
      taken.set(place, { sinceMs, content: undefined });
      return place;
    },
  };
}
