// A real, signed release around a tiny BERT with random weights: small enough to build in milliseconds.

import { encoderConfigJson } from "@attune/ml/encoder/config";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { createFeatureExtractor } from "@attune/ml/features/extractor";
import { featureIdentity } from "@attune/ml/features/identity";
import type { FeatureSettings } from "@attune/ml/features/settings";
import { fitLinear } from "@attune/ml/heads/linear";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { type LabelSet, slugsOf } from "@attune/shared/contracts/label-set";
import {
  type Release1,
  type Release2,
  type ReleaseFileName,
  type ReleaseManifest,
  release1Labels,
  sizesOf,
} from "@attune/shared/contracts/release";
import { utf8 } from "@attune/shared/encoding";
import type { TrustedKeys } from "@attune/shared/trust/keys";
import { createSigningKey, type SigningKey, sha256Hex } from "./node-crypto.js";
import { type KernelConfig, randomWeights, type Spread } from "./random-encoder.js";

type EmotionLabel = (typeof release1Labels)[number];

/** For each emotion a few words that the labelled dataset connects with it. */
export const emotionWords: Readonly<Record<EmotionLabel, readonly string[]>> = {
  neutral: ["table", "door", "walk"],
  joy: ["happy", "great", "love"],
  surprise: ["wow", "really", "sudden"],
  anger: ["hate", "stop", "mad"],
  sadness: ["cry", "alone", "miss"],
  disgust: ["gross", "rotten", "nasty"],
  fear: ["scared", "dark", "help"],
};
const fillers = ["i", "you", "the", "a", "is", "am", "so", "very", "are", "how", "today", "it", ".", "?", "!"];
const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/** Words that people here say, although the labelled dataset does not know their meaning. */
export const privateWords = ["bazinga", "blimey", "crumbs", "yikes", "hmm", "ugh", "yay"];
const vocabulary = [...special, ...fillers, ...Object.values(emotionWords).flat(), ...privateWords];

interface Options {
  readonly sequence?: number;
  readonly seed?: number;
  readonly signers?: readonly SigningKey[];
  /** Changes to the files before they are cut into chunks; their digests follow. */
  readonly amendFiles?: (files: Map<ReleaseFileName, Uint8Array>) => void;
  /** Zeroes the encoder, so that all texts give the same features: a release without any use. */
  readonly blind?: boolean;
}

/** A release of version 1. */
export interface TinyReleaseOptions extends Options {
  readonly labels?: readonly EmotionLabel[];
  /** Changes to the manifest before it is signed. */
  readonly amend?: (release: Release1) => Release1;
}

/** A release of version 2. */
interface TinyRelease2Options extends Options {
  /** The first label means `neutral`, the second `joy`, and so on. */
  readonly labels: LabelSet;
  readonly amend?: (release: Release2) => Release2;
}

export interface TinyRelease<R extends ReleaseManifest = Release1> {
  readonly release: R;
  readonly files: ReadonlyMap<ReleaseFileName, Uint8Array>;
  readonly manifest: Uint8Array;
  readonly manifestSha256: string;
  readonly chunks: ReadonlyMap<string, Uint8Array>;
}

export const testSigner: SigningKey = createSigningKey();
export const testTrustedKeys: TrustedKeys = {
  threshold: 1,
  keys: [{ keyId: testSigner.keyId, publicKey: testSigner.publicKey }],
};
const tinyChunkBytes = 10_000;
const settings = { pooling: "mean", maxTokens: 16 } as const satisfies FeatureSettings;

export function createTinyRelease(options: TinyReleaseOptions = {}): TinyRelease {
  const { labels = release1Labels, amend = (release) => release } = options;
  const parts = buildParts(options, { emotions: labels, slugs: labels });
  return signed(amend({ ...parts.fields, version: 1, labels: [...labels] }), parts, options);
}

export function createTinyRelease2(options: TinyRelease2Options): TinyRelease<Release2> {
  const { labels, amend = (release) => release } = options;
  const parts = buildParts(options, { emotions: release1Labels.slice(0, labels.length), slugs: slugsOf(labels) });
  const { fields } = parts;
  const release: Release2 = { ...fields, version: 2, labels, fallback: null, sizes: sizesOf(fields.files) };
  return signed(amend(release), parts, options);
}

/** The emotions that the labelled dataset knows, and the slugs of the labels that mean them. */
interface Classes {
  readonly emotions: readonly EmotionLabel[];
  readonly slugs: readonly string[];
}

interface Parts {
  readonly fields: Omit<Release1, "version" | "labels">;
  readonly files: ReadonlyMap<ReleaseFileName, Uint8Array>;
  readonly chunks: ReadonlyMap<string, Uint8Array>;
}

function buildParts({ sequence = 1, seed = 1, blind = false, amendFiles }: Options, classes: Classes): Parts {
  const files = buildFiles({ seed, classes, blind });
  amendFiles?.(files);
  const chunks = new Map<string, Uint8Array>();
  const fields: Parts["fields"] = {
    kind: "release",
    sequence,
    model: "tiny",
    modelVersion: `1.0.${sequence}`,
    issuedAt: "2026-11-01T00:00:00Z",
    expiresAt: "2027-11-01T00:00:00Z",
    egressContractVersion: 1,
    features: { identity: identityOf(files), ...settings, featureSize: 8 },
    headRecipe: { kind: "linear" },
    files: [...files].map(([name, bytes]) => {
      const parts: { sha256: string; sizeBytes: number }[] = [];
      for (let at = 0; at < bytes.length; at += tinyChunkBytes) {
        const part = bytes.slice(at, at + tinyChunkBytes);
        chunks.set(sha256Hex(part), part);
        parts.push({ sha256: sha256Hex(part), sizeBytes: part.length });
      }
      return { name, sizeBytes: bytes.length, sha256: sha256Hex(bytes), chunks: parts };
    }),
  };
  return { fields, files, chunks };
}

function signed<R extends ReleaseManifest>(release: R, { files, chunks }: Parts, options: Options): TinyRelease<R> {
  const manifest = signManifest(release, options.signers ?? [testSigner]);
  return { release, files, manifest, manifestSha256: sha256Hex(manifest), chunks };
}

export function signManifest(payload: unknown, signers: readonly SigningKey[]): Uint8Array {
  const message = canonicalBytes(payload);
  const signatures = signers.map((key) => ({ keyId: key.keyId, signature: key.sign(message) }));
  return canonicalBytes({ payload, signatures });
}

/**
 * `size` utterances. `style` 0 speaks as the labelled dataset does; other styles have their own words for each emotion.
 */
export function sayings(size: number, style = 0, seed = 5): { id: string; text: string; label: EmotionLabel }[] {
  const random = createRandom(seed);
  return Array.from({ length: size }, (_, i) => {
    const label = release1Labels[random.integer(release1Labels.length)]!;
    const words = style === 0 ? emotionWords[label] : [privateWords[(release1Labels.indexOf(label) + style) % 7]!];
    const around = () => fillers[random.integer(fillers.length)]!;
    const text = [around(), words[random.integer(words.length)]!, around()].join(" ");
    return { id: `u${String(i).padStart(4, "0")}`, text, label };
  });
}

const tinySpread: Spread = { words: 1, places: 0.1, linear: 1, biases: 0.02, norms: 0 };
const zeroes: Spread = { words: 0, places: 0, linear: 0, biases: 0, norms: 0 };

interface BuildOptions {
  readonly seed: number;
  readonly classes: Classes;
  readonly blind: boolean;
}

function buildFiles({ seed, classes: { emotions, slugs }, blind }: BuildOptions): Map<ReleaseFileName, Uint8Array> {
  const config: KernelConfig = {
    modelType: "bert",
    vocabSize: vocabulary.length,
    hiddenSize: 16,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 32,
    maxPositionEmbeddings: 32,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
  };
  const encoderFile = randomWeights(config, createRandom(seed), blind ? zeroes : tinySpread);
  const tokenizerJson = wordPieceTokenizerJson(vocabulary, { lowercase: true });
  const extractor = createFeatureExtractor({
    tokenizer: createTokenizer(tokenizerJson),
    encoder: referenceEngine.createEncoder(config, encoderFile),
    ...settings,
    identity: "pooled",
  });
  const dataset = sayings(210).filter(({ label }) => emotions.includes(label));
  const pooled = extractor.extractAll(dataset.map(({ text }) => text));
  const noise = createRandom(9);
  const fitOn = blind ? { ...pooled, data: pooled.data.map(() => noise.normal()) } : pooled;
  const reduction = fitDimensionalityReduction(fitOn, 8);
  const files = new Map<ReleaseFileName, Uint8Array>([
    ["config.json", utf8(JSON.stringify({ ...JSON.parse(encoderConfigJson(config)), attune: settings }))],
    ["model.safetensors", serializeSafetensors(encoderFile)],
    ["tokenizer.json", utf8(tokenizerJson)],
    ["dr.safetensors", serializeSafetensors(reduction.save())],
  ]);
  const identity = { features: identityOf(files), classes: slugs };
  const prior = fitLinear({
    features: reduction.apply(pooled),
    labels: Int32Array.from(dataset, ({ label }) => emotions.indexOf(label)),
    identity,
    recipe: { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.01 },
    random: createRandom(1),
  });
  const vectors = [0, 1, 2].map((i) => {
    const ids = createTokenizer(tokenizerJson).encode(dataset[i]!.text).ids;
    const features = extractor.encodeIds(ids);
    return { ids: [...ids], features: [...reduction.apply(createMatrix(1, features.length, features)).data] };
  });
  files.set("prior-head.safetensors", serializeSafetensors(prior.save()));
  files.set("golden.json", canonicalBytes({ version: 1, tolerance: 1e-4, vectors }));
  return files;
}

function identityOf(files: ReadonlyMap<ReleaseFileName, Uint8Array>): string {
  return sha256Hex(utf8(featureIdentity((name) => sha256Hex(files.get(name)!), settings)));
}
