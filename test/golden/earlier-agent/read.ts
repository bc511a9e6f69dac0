// Reads the files beside it: an earlier agent to run, and its server's answers.

import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AgentStatus, LabelInput, Prediction } from "@attune/shared/contracts/local-api";

export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  readonly answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly base64: string;
  };
}

export interface EarlierAnswers {
  readonly startedAtMs: number;
  readonly device: {
    readonly storeKey: string;
    readonly seed: string;
    readonly epoch: string;
    readonly token: string;
    readonly said: readonly LabelInput[];
  };
  /** The exchanges in the order in which they were made. */
  readonly exchanges: readonly Exchange[];
  /** `code` is the error that the earlier agent made of the answer. */
  readonly refused: readonly (Exchange & { readonly what: string; readonly code: string })[];
  readonly partial: readonly (Exchange & {
    readonly what: string;
    readonly offset: number;
    readonly status: number;
    readonly totalBytes: number | null;
  })[];
  readonly knew: {
    readonly status: AgentStatus;
    readonly journal: readonly { readonly type: string; readonly message: Readonly<Record<string, unknown>> }[];
    readonly predictions: readonly (Prediction & { readonly text: string })[];
    readonly outbox: readonly string[];
  };
}

export async function readAnswers(): Promise<EarlierAnswers> {
  const packed = await readFile(new URL("answers.json.gz", import.meta.url));
  return JSON.parse(gunzipSync(packed).toString("utf8"));
}

/**
 * Unpacks the agent into a directory of its own, beside the packages that this checkout has
 * installed; answers its program.
 */
export async function unpackAgent(directory: string): Promise<string> {
  const packed = await readFile(new URL("bundle.json.br", import.meta.url));
  const files: Record<string, { text: string } | { base64: string }> = JSON.parse(
    brotliDecompressSync(packed).toString("utf8"),
  );
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), "text" in content ? content.text : Buffer.from(content.base64, "base64"));
  }
  await writeFile(join(directory, "package.json"), '{ "type": "module" }\n');
  await symlink(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(directory, "node_modules"));
  return join(directory, "apps/edge-agent/dist/bundle/main.js");
}
