// The bundled extractor as a release in a slot, which the core loads as on every device, with
// its features and probabilities.

import type { Files, Hashing } from "@attune/edge-agent/core/ports";
import type { Model } from "@attune/edge-agent/core/prediction/model";
import { loadSlot } from "@attune/edge-agent/core/update/load-slot";
import { blobSource } from "@attune/edge-agent/web/blob-source";
import { openWebEngine, type WebEngine } from "@attune/edge-agent/web/engine";
import { createFaults } from "@attune/fakes/faults";
import { createMemoryFiles } from "@attune/fakes/memory-files";
import { featureIdentity } from "@attune/ml/features/identity";
import { openFeatureExtractor } from "@attune/ml/features/open-extractor";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { canonicalBytes } from "@attune/shared/canonical-json";
import {
  type ReleaseFileName,
  type ReleaseManifest,
  release1Labels,
  releaseFileNames,
} from "@attune/shared/contracts/release";
import { toHex } from "@attune/shared/encoding";
import { fetchBytes, kernels, threadScript } from "./served.js";

export interface Settings {
  readonly pooling: ReleaseManifest["features"]["pooling"];
  readonly maxTokens: number;
  readonly featureSize: number;
  readonly identity: string;
}

/** `blob`: the model comes from the network, not from bytes in memory. Every other variant but `bytes` is a fault. */
export type Variant = "bytes" | "blob" | "cut blob" | "damaged tokenizer" | "another identity";

export interface Predicted {
  readonly features: number[];
  readonly probabilities: number[];
}

export interface Loader {
  /** Fetches the files that `load` needs, so that `load` only loads. */
  prepare(variant: Variant): Promise<void>;
  /** The refusal in words, or undefined where the model of extractor and head works. */
  load(): Promise<string | undefined>;
  predict(text: string): Predicted;
  /** The same features of many texts in batches, row after row. */
  together(texts: readonly string[]): number[];
  readonly build: string;
}

const sequence = 1;
const path = (name: ReleaseFileName | "manifest.json") => `slots/${sequence}/${name}`;
const hashing: Pick<Hashing, "sha256" | "sha256Of"> = {
  sha256: async (bytes) =>
    toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>))),
  async sha256Of({ sizeBytes, read }) {
    const bytes = new Uint8Array(sizeBytes);
    read(0, bytes);
    return hashing.sha256(bytes);
  },
};

export async function openLoader(settings: Settings): Promise<Loader> {
  const opened: WebEngine = await openWebEngine({ kernels, threadScript, threads: 1 });
  const { engine } = opened;
  let prepared: Prepared | undefined;
  let model: Model | undefined;
  return {
    build: engine.build,
    async prepare(variant) {
      prepared = await prepareRelease(variant, settings);
    },
    async load() {
      const { ports, manifestSha256 } = prepared!;
      const loaded = await loadSlot({ ...ports, hashing: hashing as Hashing, engine }, { sequence, manifestSha256 });
      if (loaded.ok) model = loaded.value;
      return loaded.ok ? undefined : `${loaded.reason}: ${loaded.detail}`;
    },
    predict(text) {
      const features = model!.extract(text);
      const { data } = model!.prior.probabilities(createMatrix(1, features.length, features));
      return { features: [...features], probabilities: [...data] };
    },
    together(texts) {
      const { contents } = prepared!;
      const bytes = {
        config: contents.get(path("config.json"))!,
        model: contents.get(path("model.safetensors"))!,
        tokenizer: contents.get(path("tokenizer.json"))!,
        reduction: contents.get(path("dr.safetensors"))!,
      };
      return [...openFeatureExtractor(engine, bytes, settings).extractAll(texts).data];
    },
  };
}

interface Prepared {
  readonly ports: { readonly files: Files };
  readonly contents: Map<string, Uint8Array>;
  readonly manifestSha256: string;
}

async function prepareRelease(variant: Variant, settings: Settings): Promise<Prepared> {
  const files = createMemoryFiles(createFaults());
  const { contents } = files;
  for (const name of releaseFileNames) contents.set(path(name), await fetchBytes(`/assets/extractor/${name}`));
  if (variant === "damaged tokenizer") contents.set(path("tokenizer.json"), new TextEncoder().encode("{"));
  const manifest = await manifestOf(contents, settings);
  const bytes = canonicalBytes({
    payload: variant === "another identity" ? anotherIdentity(manifest) : manifest,
    // Signatures are checked when a release is accepted; a slot's manifest is known by its hash.
    signatures: [{ keyId: "0".repeat(16), signature: `${"A".repeat(86)}==` }],
  });
  contents.set(path("manifest.json"), bytes);
  const manifestSha256 = await hashing.sha256(bytes);
  if (variant !== "blob" && variant !== "cut blob") return { ports: { files }, contents, manifestSha256 };
  const whole = await (await fetch("/assets/extractor/model.safetensors")).blob();
  const blob = variant === "blob" ? whole : whole.slice(0, whole.size - 1);
  const open: Files["open"] = async (name) =>
    name === path("model.safetensors") ? { ...blobSource(blob), close: async () => {} } : files.open(name);
  const read: Files["read"] = async (name) => {
    if (name === path("model.safetensors")) throw new Error("the model is read whole");
    return files.read(name);
  };
  return { ports: { files: { ...files, open, read } }, contents, manifestSha256 };
}

async function manifestOf(contents: ReadonlyMap<string, Uint8Array>, settings: Settings): Promise<ReleaseManifest> {
  const files = releaseFileNames.map(async (name) => {
    const bytes = contents.get(path(name))!;
    const sha256 = await hashing.sha256(bytes);
    const chunk = 262_144;
    const chunks = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) => ({
      sha256,
      sizeBytes: Math.min(chunk, bytes.length - i * chunk),
    }));
    return { name, sizeBytes: bytes.length, sha256, chunks };
  });
  return {
    version: 1,
    kind: "release",
    sequence,
    model: "bundled",
    modelVersion: "1.0.0",
    issuedAt: "2026-11-01T00:00:00Z",
    expiresAt: "2027-11-01T00:00:00Z",
    egressContractVersion: 1,
    features: { ...settings, identity: await identityOf(contents, settings) },
    labels: [...release1Labels],
    headRecipe: { kind: "linear" },
    files: await Promise.all(files),
  };
}

/** The extractor's identity. For the bundled extractor's own files it is the one that the prior head names. */
async function identityOf(contents: ReadonlyMap<string, Uint8Array>, settings: Settings): Promise<string> {
  const digest = (name: ReleaseFileName) => hashing.sha256(contents.get(path(name))!);
  const digests = {
    "config.json": await digest("config.json"),
    "model.safetensors": await digest("model.safetensors"),
    "tokenizer.json": await digest("tokenizer.json"),
    "dr.safetensors": await digest("dr.safetensors"),
  };
  return hashing.sha256(new TextEncoder().encode(featureIdentity((name) => digests[name], settings)));
}

function anotherIdentity(manifest: ReleaseManifest): ReleaseManifest {
  return { ...manifest, features: { ...manifest.features, identity: "f".repeat(64) } };
}
