// The frame of a head's file, equal for every kind. The metadata holds kind, version, recipe, identity and classes;
// tensors hold the weights.

import { MlError } from "../error.js";
import { readMetadataField, readMetadataJson } from "../tensor/fields.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { checkIdentity } from "./examples.js";
import type { HeadKind } from "./head.js";
import type { HeadIdentity } from "./identity.js";

const version = "1";

export interface HeadHeader {
  readonly kind: string;
  readonly identity: HeadIdentity;
  readonly recipe: Record<string, unknown>;
}

export function writeHead(
  header: { kind: HeadKind; identity: HeadIdentity; recipe: object },
  tensors: Map<string, Tensor>,
): TensorFile {
  const { kind, identity, recipe } = header;
  const sorted = Object.entries(recipe).sort(([x], [y]) => (x < y ? -1 : 1));
  const metadata = {
    kind,
    version,
    recipe: JSON.stringify(Object.fromEntries(sorted)),
    identity: identity.features,
    classes: JSON.stringify(identity.classes),
  };
  return { metadata, tensors };
}

/** Throws `malformed` or `unsupported`, naming the metadata field. */
export function readHeader(file: TensorFile): HeadHeader {
  const fileVersion = readMetadataField(file, "version");
  if (fileVersion !== version) {
    throw new MlError("unsupported", `Metadata field "version" is "${fileVersion}"; this version reads ${version}`);
  }
  const kind = readMetadataField(file, "kind");
  const classes = readMetadataJson(file, "classes");
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === "string" && name !== "")) {
    throw new MlError("malformed", 'Metadata field "classes" is not a list of names');
  }
  const identity = { features: readMetadataField(file, "identity"), classes: classes as string[] };
  checkIdentity(identity);
  const recipe = readMetadataJson(file, "recipe");
  if (typeof recipe !== "object" || recipe === null || Array.isArray(recipe)) {
    throw new MlError("malformed", 'Metadata field "recipe" is not an object');
  }
  return { kind, identity, recipe: recipe as Record<string, unknown> };
}

/** As readHeader, for a reader of one kind only. */
export function readHeaderOf(file: TensorFile, kind: HeadKind): HeadHeader {
  const header = readHeader(file);
  if (header.kind !== kind) throw new MlError("malformed", `Metadata field "kind" is "${header.kind}", not "${kind}"`);
  return header;
}

export function recipeNumber({ recipe }: HeadHeader, name: string): number {
  const value = Object.hasOwn(recipe, name) ? recipe[name] : undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new MlError("malformed", `Metadata field "recipe": ${name} is not a finite number`);
  }
  return value;
}

export function recipeChoice<T extends string>({ recipe }: HeadHeader, name: string, choices: readonly T[]): T {
  const value = Object.hasOwn(recipe, name) ? recipe[name] : undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new MlError("malformed", `Metadata field "recipe": ${name} is not one of ${choices.join(", ")}`);
  }
  return found;
}
