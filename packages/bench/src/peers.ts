// The peers that are no dependency of the product: ONNX Runtime for Node and for the web, fetched into a folder
// of the user's cache.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { readEnv } from "./env.js";
import type { OnnxModel } from "./onnx-model.js";

interface OrtTensor {
  readonly data: Float32Array;
}

/** The part of ONNX Runtime's interface that the bench uses, the same in both packages. */
export interface Ort {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
  readonly Tensor: new (
    type: "int64" | "int32",
    data: BigInt64Array | Int32Array,
    dims: readonly number[],
  ) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Record<string, unknown>): Promise<OrtSession>;
  };
}

interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

export const peerNames = ["onnxruntime-node", "onnxruntime-web"] as const;
export type PeerName = (typeof peerNames)[number];

const ortVersion = "1.30.0";

/** Undefined for a peer that cannot be fetched: standard error names it, and it is left out. */
export function loadPeer(name: PeerName, threads: number): Ort | undefined {
  const folder = join(readEnv().cacheFolder, `onnxruntime-${ortVersion}`);
  if (!existsSync(join(folder, "node_modules", name))) fetchInto(folder);
  try {
    const require = createRequire(join(folder, "package.json"));
    // ONNX Runtime Web keeps the number of threads of its first use, so it is loaded anew for another number.
    for (const path of Object.keys(require.cache)) {
      if (/onnxruntime-(web|common)/.test(path)) delete require.cache[path];
    }
    const ort = require(name) as Ort;
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
    return ort;
  } catch (error) {
    process.stderr.write(`${name} is left out: ${(error as Error).message.split("\n")[0]}\n`);
    return undefined;
  }
}

export interface OrtEncoder {
  readonly features: (ids: Int32Array) => Promise<Float32Array>;
  readonly dispose: () => Promise<void>;
}

/** For how long threads may spin after a forward. The web's threads spin for 15 to 60 ms, whatever the settings. */
export const peerRestMs: Record<PeerName, number> = { "onnxruntime-node": 3, "onnxruntime-web": 50 };

/** Opens the model with every graph optimization that ONNX Runtime has. */
export async function ortEncoder(
  ort: Ort,
  { bytes, output, inputs }: OnnxModel,
  { name, threads }: { name: PeerName; threads: number },
): Promise<OrtEncoder> {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: [name === "onnxruntime-web" ? "wasm" : "cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // In Node the threads may spin within a forward, but not into the next contender's.
    extra: { session: { force_spinning_stop: "1" } },
  });
  const wide = (values: Int32Array) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const feeds = (ids: Int32Array): Record<string, OrtTensor> =>
    inputs === "ids and positions"
      ? { ids: wide(ids), positions: wide(ids.map((_, position) => position)) }
      : { ids: new ort.Tensor("int32", ids, [1, ids.length]) };
  return {
    features: async (ids) => (await session.run(feeds(ids)))[output]!.data,
    dispose: () => session.release(),
  };
}

function fetchInto(target: string): void {
  process.stderr.write(`fetching ONNX Runtime ${ortVersion} into ${target} …\n`);
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "package.json"), '{"private":true}\n');
  try {
    execFileSync(
      "npm",
      ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...peerNames.map((name) => `${name}@${ortVersion}`)],
      {
        cwd: target,
        // Its install script would download CUDA libraries.
        env: { ...readEnv().inherited, ONNXRUNTIME_NODE_INSTALL: "skip" },
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
  } catch {
    process.stderr.write("ONNX Runtime could not be fetched; the tables do without it\n");
  }
}
