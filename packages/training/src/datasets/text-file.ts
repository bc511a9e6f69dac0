// Reads a whole text file, in UTF-8 or UTF-16 and with any line end.

import { readFileSync } from "node:fs";
import { AppError } from "@attune/shared/errors";

/**
 * A fault of one file. The message names file and line, and never quotes the line, because it may
 * be a person's utterance.
 */
export function datasetError(path: string, line: number | undefined, problem: string): AppError {
  return new AppError("INVALID_DATASET", `${path}${line === undefined ? "" : `, line ${line}`}: ${problem}`);
}

/** Skips a byte order mark. In a file without LF, each CR is a line end. Throws INVALID_DATASET. */
export function readTextFile(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "there is no such file" : `the file cannot be read (${code})`;
    throw new AppError("INVALID_DATASET", `${path}: ${problem}; check the path`, { cause });
  }
  const text = decode(bytes, path);
  // Excel for Mac ends lines in CR alone.
  return text.includes("\n") ? text : text.replaceAll("\r", "\n");
}

function decode(bytes: Buffer, path: string): string {
  const encoding = encodingOf(bytes);
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const problem = `the file is not ${encoding.toUpperCase()}; save it as UTF-8, or convert it: iconv -f ENCODING -t UTF-8`;
    throw new AppError("INVALID_DATASET", `${path}: ${problem}`, { cause });
  }
  const nul = text.indexOf("\0");
  if (nul < 0) return text;
  const line = text.slice(0, nul).split("\n").length;
  throw datasetError(path, line, "the line holds a NUL character, which no text has; save the file as UTF-8");
}

const sampleBytes = 65_536;
/** In UTF-16 every ASCII character has a byte of 0, and delimiters, digits and line ends are ASCII in any language. */
const minZeros = 0.02;

/** By the byte order mark; without one, by which byte of each pair is 0. */
function encodingOf(bytes: Buffer): "utf-8" | "utf-16le" | "utf-16be" {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const sample = bytes.subarray(0, sampleBytes);
  let [first, second] = [0, 0];
  for (let i = 0; i + 1 < sample.length; i += 2) {
    if (sample[i] === 0) first++;
    if (sample[i + 1] === 0) second++;
  }
  if (Math.max(first, second) < minZeros * sample.length) return "utf-8";
  return second > first ? "utf-16le" : "utf-16be";
}
