// A device's directory as an enrolled agent keeps it, with a release that is active: what a real daemon can be started on, offline.

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encoderConfigJson } from "@attune/ml/encoder/config";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { featureIdentity } from "@attune/ml/features/identity";
import { openFeatureExtractor } from "@attune/ml/features/open-extractor";
import { fitLinear } from "@attune/ml/heads/linear";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import { type Release, type ReleaseFileName, releaseFileNames } from "@attune/shared/contracts/release";
import { inDtype, kernelBytes } from "./engines.js";
import { openAgentParts } from "./product.js";
import { bertConfig, randomBert } from "./random-bert.js";
import { assets, bertTokenizer, bertTokenizerJson, readSentences, vocabSize } from "./sentences.js";

export type AgentModel = "tiny" | "bundled";
type Content = ReadonlyMap<ReleaseFileName, Uint8Array>;
type Features = Release["features"];

/** `home` must not exist. */
export async function writeAgentHome(home: string, model: AgentModel): Promise<void> {
  const { content, features } = model === "tiny" ? tinyRelease() : bundledRelease();
  const { homePaths, openLevelStore, putRecord, keys, writeServer, createDeviceKey, splitFile } =
    await openAgentParts();
  const key = signingKey();
  const payload: Release = {
    version: 1,
    kind: "release",
    sequence: 1,
    model: `bench-${model}`,
    modelVersion: "1.0.0",
    issuedAt: "2026-01-01T00:00:00Z",
    expiresAt: "2099-01-01T00:00:00Z",
    egressContractVersion: 1,
    features,
    labels: [...emotionLabels],
    headRecipe: { kind: "linear" },
    files: [...content].map(([name, bytes]) => splitFile(name, bytes).file),
  };
  // A start trusts the manifest by its digest, which the store holds; its signature was checked when it came.
  const signature = Buffer.alloc(64).toString("base64");
  const manifest = canonicalBytes({ payload, signatures: [{ keyId: key.keyId, signature }] });
  const slot = join(home, "slots", "1");
  mkdirSync(slot, { recursive: true });
  for (const [name, bytes] of content) writeFileSync(join(slot, name), bytes);
  writeFileSync(join(slot, "manifest.json"), manifest);

  const paths = homePaths(home);
  mkdirSync(join(home, "keys"), { recursive: true });
  writeFileSync(paths.storeKey, randomBytes(32));
  await createDeviceKey(paths.deviceSeed).create();
  await writeServer(paths, "http://127.0.0.1:9");
  const store = await openLevelStore(paths.store);
  const releaseKeys = { threshold: 1, keys: [key] };
  const identity = { version: 1, device: "0".repeat(32), fleet: "bench", releaseKeys, tokenSha256: "0".repeat(64) };
  const active = { version: 1, sequence: 1, manifestSha256: sha256(manifest), previous: null };
  const credentials = { version: 1, urls: ["nats://127.0.0.1:9"], userJwt: "of no use here" };
  await store.batch([
    putRecord(keys.identity, identity),
    putRecord(keys.credentials, credentials),
    putRecord(keys.active, active),
  ]);
  await store.close();
}

function bundledRelease(): { content: Content; features: Features } {
  const content = new Map(
    releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(`${assets}extractor/${name}`))]),
  );
  const { attune } = JSON.parse(readFileSync(`${assets}extractor/config.json`, "utf8"));
  const { identity, classes } = parseSafetensors(content.get("prior-head.safetensors")!).metadata;
  if (JSON.stringify(JSON.parse(classes ?? "null")) !== JSON.stringify(emotionLabels)) {
    throw new Error("the bundled prior head has other labels");
  }
  const { shape } = parseSafetensors(content.get("dr.safetensors")!).tensors.get("mean")!;
  return { content, features: { identity: identity!, ...attune, featureSize: shape[0]! } };
}

/** BERT-Tiny with random weights, in int8, under BERT's own vocabulary. */
function tinyRelease(): { content: Content; features: Features } {
  const settings = { pooling: "mean", maxTokens: 32 } as const;
  const config = bertConfig("tiny", vocabSize);
  const random = createRandom(1);
  const pooled = createMatrix(40, config.hiddenSize);
  for (let i = 0; i < pooled.data.length; i++) pooled.data[i] = random.normal();
  const files = {
    config: new TextEncoder().encode(encoderConfigJson(config)),
    model: serializeSafetensors(inDtype(randomBert(config, 1), "int8").file),
    tokenizer: new TextEncoder().encode(bertTokenizerJson()),
    reduction: serializeSafetensors(fitDimensionalityReduction(pooled).save()),
  };
  const { config: configSha, model, tokenizer, reduction } = files;
  const digests = { config: sha256(configSha), model: sha256(model), tokenizer: sha256(tokenizer) };
  const identity = sha256(
    new TextEncoder().encode(featureIdentity({ ...digests, reduction: sha256(reduction) }, settings)),
  );
  const prior = fitLinear({
    features: pooled,
    labels: Int32Array.from({ length: pooled.rows }, (_, i) => i % emotionLabels.length),
    identity: { features: identity, classes: emotionLabels },
    recipe: { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.01 },
    random,
  });
  const engine = createWasmEngine({ simd128: kernelBytes("simd128") });
  const extractor = openFeatureExtractor(engine, files, { ...settings, identity });
  const vectors = readSentences()
    .slice(0, 4)
    .map((text) => {
      const { ids } = bertTokenizer().encode(text, settings);
      return { ids: [...ids], features: [...extractor.encodeIds(ids)] };
    });
  const content = new Map<ReleaseFileName, Uint8Array>([
    ["config.json", files.config],
    ["model.safetensors", files.model],
    ["tokenizer.json", files.tokenizer],
    ["dr.safetensors", files.reduction],
    ["prior-head.safetensors", serializeSafetensors(prior.save())],
    ["golden.json", canonicalBytes({ version: 1, tolerance: 0.05, vectors })],
  ]);
  return { content, features: { identity, ...settings, featureSize: config.hiddenSize } };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function signingKey(): { keyId: string; publicKey: string } {
  const raw = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return { keyId: sha256(raw).slice(0, 16), publicKey: raw.toString("base64") };
}
