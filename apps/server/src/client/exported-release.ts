// A release in a folder: the files of its extractor, and release.json with all that publishing it again needs. Numbers
// of releases are a server's own, so a fallback is not in it.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readTextFile, renameDurably, writeFileDurably } from "@attune/platform/durable-file";
import { isPresent } from "@attune/platform/presence";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { noteSchema, tagSchema, type VersionSummary } from "@attune/shared/contracts/catalogue";
import { labelSlugSchema, labelWordsSchema } from "@attune/shared/contracts/label-set";
import { lineageSchema } from "@attune/shared/contracts/lineage";
import {
  chunkPath,
  headRecipeSchema,
  modelNameSchema,
  modelVersionSchema,
  type ReleaseFile,
  releaseFileNames,
  sha256Schema,
} from "@attune/shared/contracts/release";
import type { ReleaseReference } from "@attune/shared/contracts/release-reference";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { askServer, type ServerAccess } from "./fleet-client.js";
import { publishFolder } from "./publish-folder.js";

const recordName = "release.json";

const recordSchema = z.strictObject({
  version: z.literal(1),
  model: modelNameSchema,
  modelVersion: modelVersionSchema,
  headRecipe: headRecipeSchema,
  words: z.record(labelSlugSchema, labelWordsSchema),
  egressContractVersion: z.int().min(1),
  tags: z.array(tagSchema),
  note: noteSchema,
  lineage: lineageSchema.nullable(),
  files: z.array(z.strictObject({ name: z.enum(releaseFileNames), sizeBytes: z.int().min(1), sha256: sha256Schema })),
});

/** The answer of an export with `--json`. */
export const exportedSchema = z.strictObject({
  folder: z.string(),
  sequence: z.int(),
  model: modelNameSchema,
  modelVersion: modelVersionSchema,
  bytes: z.int().min(0),
});

/** In bytes. */
type OnProgress = (done: number, total: number) => void;

interface ExportInput {
  readonly reference: ReleaseReference;
  /** A folder that is not there yet. */
  readonly folder: string;
  readonly onProgress: OnProgress;
}

/** Throws CONFLICT for a folder that is there, NOT_FOUND for a collected release, and STORE_CORRUPT for other bytes. */
export async function exportRelease(access: ServerAccess, { reference, folder, onProgress }: ExportInput) {
  if (await isPresent(folder)) throw new AppError("CONFLICT", `${folder} is there already; name a new folder`);
  const details = await askServer(access, (client) => client.release.get.query(reference));
  const { release, lineage, sequence, model, modelVersion, tags, note } = details;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await makeDirectory(partial);
  const total = release.sizes.downloadBytes;
  let done = 0;
  for (const file of release.files) {
    const bytes = await fetchFile(access, file, (size) => onProgress(done + size, total));
    await writeFileDurably(join(partial, file.name), bytes);
    done += bytes.length;
  }
  if (lineage !== null && lineage.card !== null) await writeFileDurably(join(partial, "README.md"), lineage.card);
  const record: z.input<typeof recordSchema> = {
    version: 1,
    model,
    modelVersion,
    headRecipe: release.headRecipe,
    words: Object.fromEntries(release.labels.map(({ slug, words }) => [slug, words])),
    egressContractVersion: release.egressContractVersion,
    tags,
    note,
    lineage,
    files: release.files.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 })),
  };
  await writeFileDurably(join(partial, recordName), `${JSON.stringify(recordSchema.parse(record), null, 2)}\n`);
  await renameDurably(partial, folder);
  return exportedSchema.parse({ folder, sequence, model, modelVersion, bytes: total });
}

async function fetchFile(
  { httpUrl }: ServerAccess,
  { name, chunks, sha256 }: ReleaseFile,
  onProgress: (bytes: number) => void,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for (const chunk of chunks) {
    const response = await fetch(`${httpUrl}${chunkPath(chunk.sha256)}`).catch((cause: unknown) => {
      throw new AppError("SERVER_UNAVAILABLE", `the server at ${httpUrl} does not answer`, { cause });
    });
    if (response.status === 404) {
      throw new AppError("NOT_FOUND", `${name}: the server does not hold the content; publish the release again`);
    }
    if (!response.ok) {
      throw new AppError("SERVER_UNAVAILABLE", `${name}: the server answered with status ${response.status}`);
    }
    parts.push(Buffer.from(await response.arrayBuffer()));
    size += parts.at(-1)!.length;
    onProgress(size);
  }
  const bytes = Buffer.concat(parts);
  if (sha256Of(bytes) !== sha256) throw new AppError("STORE_CORRUPT", `${name}: the bytes differ from the manifest`);
  return bytes;
}

interface ImportInput {
  /** A folder that an export wrote. */
  readonly folder: string;
  readonly lifeDays?: number | undefined;
  readonly onProgress: OnProgress;
}

/** Checks the folder by hash, and publishes it under its model and version. Throws INVALID_EXTRACTOR naming a file. */
export async function importRelease(access: ServerAccess, input: ImportInput): Promise<VersionSummary> {
  const { folder, ...publishing } = input;
  const { version: _version, files, tags, note, lineage, ...release } = await readRecord(join(folder, recordName));
  for (const { name, sha256 } of files) await verifyFile(join(folder, name), sha256);
  const published = await publishFolder(access, { ...publishing, ...release, folder, lineage: lineage ?? undefined });
  const { sequence } = published;
  if (tags.length === 0 && note === "") return published;
  return askServer(access, (client) =>
    client.release.annotate.mutate({
      release: { sequence },
      addTags: tags,
      ...(published.note === "" && note !== "" && { note }),
    }),
  );
}

async function readRecord(path: string): Promise<z.infer<typeof recordSchema>> {
  const text = await readTextFile(path);
  if (text === undefined) {
    throw new AppError("INVALID_EXTRACTOR", `there is no ${path}; name the folder that attune release export wrote`);
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    const field = cause instanceof z.ZodError ? `, ${cause.issues[0]!.path.join(".")}` : "";
    throw new AppError("INVALID_EXTRACTOR", `${path}${field}: it is not the record of an exported release`, { cause });
  }
}

async function verifyFile(path: string, sha256: string): Promise<void> {
  const hash = createHash("sha256");
  try {
    for await (const part of createReadStream(path)) hash.update(part as Buffer);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new AppError("INVALID_EXTRACTOR", `${path} cannot be read (${code}); export the release again`, { cause });
  }
  if (hash.digest("hex") === sha256) return;
  throw new AppError("INVALID_EXTRACTOR", `${path} differs from release.json; export the release again`);
}
