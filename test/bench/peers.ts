// The peers that are no dependency of the product: ONNX Runtime for Node and for the web, fetched into a folder of the user's cache.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface OrtTensor {
  readonly data: Float32Array;
}

/** The part of ONNX Runtime's interface that is used, the same in both packages. */
export interface Ort {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Record<string, unknown>): Promise<OrtSession>;
  };
}

export interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}

export interface Peer {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly ort: Ort;
}

const version = "1.30.0";

/** Those that can be had; one that cannot is named on standard error and left out. */
export async function loadPeers(): Promise<Peer[]> {
  const folder = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    "attune-bench",
    `onnxruntime-${version}`,
  );
  if (!existsSync(join(folder, "node_modules", "onnxruntime-web"))) fetchInto(folder);
  const require = createRequire(join(folder, "package.json"));
  const peers: Peer[] = [];
  for (const name of ["onnxruntime-node", "onnxruntime-web"] as const) {
    try {
      const loaded = await import(pathToFileURL(require.resolve(name)).href);
      const ort = (loaded.default ?? loaded) as Ort;
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = "error";
      peers.push({ name, ort });
    } catch (error) {
      process.stderr.write(`${name} is left out: ${(error as Error).message.split("\n")[0]}\n`);
    }
  }
  return peers;
}

function fetchInto(folder: string): void {
  process.stderr.write(`fetching ONNX Runtime ${version} into ${folder} …\n`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  const packages = [`onnxruntime-node@${version}`, `onnxruntime-web@${version}`];
  try {
    execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], {
      cwd: folder,
      // Its install script would download CUDA libraries.
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
      stdio: ["ignore", "ignore", "inherit"],
    });
  } catch {
    process.stderr.write("ONNX Runtime could not be fetched; the tables do without it\n");
  }
}
