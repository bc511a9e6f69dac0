// Searches captured bytes for utterances: whole or as four-word runs, raw, in hexadecimal, in base64 at each alignment,
// and inside compressed parts. The scan measures what left, and trusts no statement of the agent about itself.

import { constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/** Shorter needles ("Oh", "no") occur by chance in keys and hashes and prove nothing. */
const minimumNeedleBytes = 12;
const runWords = 4;

interface TextScanner {
  /** The number of bytes of `captured` that belong to an utterance or hold a canary; 0 when no utterance left. */
  textBytes(captured: Uint8Array): number;
}

/**
 * @param utterances texts that must not leave, found whole or by four-word runs
 * @param canaries words that only planted utterances hold, found at any length
 */
export function createTextScanner(utterances: readonly string[], canaries: readonly string[] = []): TextScanner {
  const needles = new Set<string>();
  for (const utterance of utterances) {
    for (const form of [utterance, utterance.toLowerCase()]) {
      if (Buffer.byteLength(form) >= minimumNeedleBytes) needles.add(form);
      const words = form.split(/\s+/u).filter((word) => word !== "");
      for (let i = 0; i + runWords <= words.length; i++) {
        const run = words.slice(i, i + runWords).join(" ");
        if (Buffer.byteLength(run) >= minimumNeedleBytes) needles.add(run);
      }
    }
  }
  for (const canary of canaries) needles.add(canary);
  const index = indexNeedles([...needles].flatMap(encodings));

  return {
    textBytes(captured) {
      return scan(Buffer.from(captured.buffer, captured.byteOffset, captured.byteLength), index, 0);
    },
  };
}

/** Every encoding in which a text could hide in unencrypted bytes. */
function encodings(text: string): Buffer[] {
  const bytes = Buffer.from(text, "utf8");
  const escaped = Buffer.from(JSON.stringify(text).slice(1, -1), "utf8");
  const percent = Buffer.from(encodeURIComponent(text), "utf8");
  const hex = bytes.toString("hex");
  const forms = [bytes, escaped, percent, Buffer.from(hex), Buffer.from(hex.toUpperCase())];
  for (let offset = 0; offset < 3; offset++) {
    // The base64 digits that depend on these bytes alone, wherever in a longer text they stand.
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const first = offset === 0 ? 0 : offset + 1;
    const whole = Math.floor((bytes.length + offset) / 3) * 4;
    const core = shifted.slice(first, whole);
    forms.push(Buffer.from(core), Buffer.from(core.replaceAll("+", "-").replaceAll("/", "_")));
  }
  return forms.filter((form) => form.length >= 6);
}

/** Needles by their first four bytes, so that one pass over the capture searches for all of them. */
function indexNeedles(needles: readonly Buffer[]): Map<number, Buffer[]> {
  const index = new Map<number, Buffer[]>();
  const seen = new Set<string>();
  for (const needle of needles) {
    const identity = needle.toString("latin1");
    if (seen.has(identity)) continue;
    seen.add(identity);
    const key = needle.readUInt32BE(0);
    const bucket = index.get(key);
    if (bucket === undefined) index.set(key, [needle]);
    else bucket.push(needle);
  }
  return index;
}

function scan(captured: Buffer, index: ReadonlyMap<number, readonly Buffer[]>, depth: number): number {
  let found = 0;
  let position = 0;
  while (position + 4 <= captured.length) {
    let longest = 0;
    for (const needle of index.get(captured.readUInt32BE(position)) ?? []) {
      if (needle.length > longest && captured.subarray(position, position + needle.length).equals(needle)) {
        longest = needle.length;
      }
    }
    if (longest === 0 && depth < 3) {
      const inflated = inflateAt(captured, position);
      if (inflated !== undefined) found += scan(inflated, index, depth + 1);
    }
    found += longest;
    position += Math.max(1, longest);
  }
  return found;
}

/** The content of a gzip or zlib stream that starts here; undefined if none starts. */
function inflateAt(captured: Buffer, position: number): Buffer | undefined {
  const first = captured[position];
  const second = captured[position + 1] as number;
  const isGzip = first === 0x1f && second === 0x8b;
  const isZlib = first === 0x78 && (first * 256 + second) % 31 === 0;
  if (!isGzip && !isZlib) return undefined;
  // A cut-off stream gives the part that it has, and bytes after a stream do not hide it.
  const options = { maxOutputLength: 64 * 1024 * 1024, finishFlush: constants.Z_SYNC_FLUSH };
  const gzipHeaderBytes = 10;
  const rest = captured.subarray(position);
  const attempts = isGzip
    ? [() => inflateRawSync(rest.subarray(gzipHeaderBytes), options), () => gunzipSync(rest, options)]
    : [() => inflateSync(rest, options)];
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch {
      // Two bytes that only look like a header.
    }
  }
  return undefined;
}
