// Writes a device's directory as an enrolled agent keeps it, with an active release, so that a real
// daemon can start offline.

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { featureIdentity } from "@attune/ml/features/identity";
import { openFeatureExtractor } from "@attune/ml/features/open-extractor";
import { fitLinear } from "@attune/ml/heads/linear";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { releaseFileNames } from "@attune/shared/contracts/release";
import { pinnedRoot } from "@attune/shared/trust/root";
import { emotionLabels } from "@attune/training/datasets/emotions";
import { inDtype, kernelBytes } from "./engines.js";
import { openAgentParts } from "./product.js";
import { bertConfig, randomBert } from "./random-bert.js";
import { assets, bertTokenizer, bertTokenizerJson, readSentences, vocabSize } from "./sentences.js";

export type AgentModel = "tiny" | "bundled";
type AgentParts = Awaited<ReturnType<typeof openAgentParts>>;
type ExtractorFiles = Parameters<AgentParts["checkExtractor"]>[0];

/** `home` must not exist. */
export async function writeAgentHome(home: string, model: AgentModel): Promise<void> {
  const parts = await openAgentParts();
  const content = model === "tiny" ? tinyExtractor(parts) : bundledExtractor();
  const signer = parts.createReleaseSigner([generateKeyPairSync("ed25519").privateKey]);
  const files = releaseFileNames.map((name) => parts.splitFile(name, content[name]).file);
  const { features, classes } = parts.checkExtractor(content);
  const { second: release } = parts.buildReleases({
    sequence: 1,
    model: `bench-${model}`,
    modelVersion: "1.0.0",
    headRecipe: { kind: "linear" },
    features,
    labels: parts.labelsOf(classes, {}),
    fallback: null,
    files,
    plainGolden: files.find(({ name }) => name === "golden.json")!,
    issuedAtMs: Date.now(),
    egressContractVersion: 1,
    lifeDays: parts.defaultLifeDays,
  });
  const manifest = canonicalBytes(signer.sign(release));
  const slot = join(home, "slots", "1");
  mkdirSync(slot, { recursive: true });
  for (const name of releaseFileNames) writeFileSync(join(slot, name), content[name]);
  writeFileSync(join(slot, "manifest.json"), manifest);

  const { putRecord, putEnrolled, keys } = parts;
  const paths = parts.homePaths(home);
  mkdirSync(join(home, "keys"), { recursive: true });
  writeFileSync(paths.storeKey, randomBytes(32));
  await parts.createDeviceKey(paths.deviceSeed).create();
  await parts.writeServer(paths, "http://127.0.0.1:9");
  const store = await parts.openLevelStore(paths.store);
  const identity = { version: 2, device: "0".repeat(32), fleet: "bench", tokenSha256: "0".repeat(64) } as const;
  const active = { version: 1, sequence: 1, manifestSha256: sha256(manifest), previous: null };
  const credentials = { version: 1, urls: ["nats://127.0.0.1:9"], userJwt: "of no use here" };
  await store.batch([
    ...putEnrolled({ identity, root: pinnedRoot(signer.trustedKeys) }),
    putRecord(keys.credentials, credentials),
    putRecord(keys.active, active),
  ]);
  await store.close();
}

function bundledExtractor(): ExtractorFiles {
  const files = releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(`${assets}extractor/${name}`))]);
  return Object.fromEntries(files);
}

/** BERT-Tiny with random weights, in int8, under BERT's own vocabulary. */
function tinyExtractor({ extractorConfigJson }: AgentParts): ExtractorFiles {
  const settings = { pooling: "mean", maxTokens: 32 } as const;
  const config = bertConfig("tiny", vocabSize);
  const random = createRandom(1);
  const pooled = createMatrix(40, config.hiddenSize);
  for (let i = 0; i < pooled.data.length; i++) pooled.data[i] = random.normal();
  const files = {
    config: new TextEncoder().encode(extractorConfigJson(config, settings)),
    model: serializeSafetensors(inDtype(randomBert(config, 1), "int8").file),
    tokenizer: new TextEncoder().encode(bertTokenizerJson()),
    reduction: serializeSafetensors(fitDimensionalityReduction(pooled).save()),
  };
  const digests = {
    "config.json": sha256(files.config),
    "model.safetensors": sha256(files.model),
    "tokenizer.json": sha256(files.tokenizer),
    "dr.safetensors": sha256(files.reduction),
  };
  const identity = sha256(new TextEncoder().encode(featureIdentity((name) => digests[name], settings)));
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
  return {
    "config.json": files.config,
    "model.safetensors": files.model,
    "tokenizer.json": files.tokenizer,
    "dr.safetensors": files.reduction,
    "prior-head.safetensors": serializeSafetensors(prior.save()),
    "golden.json": canonicalBytes({ version: 1, tolerance: 0.05, vectors }),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
