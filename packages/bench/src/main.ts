// `attune bench`, `npm run bench`: speed beside the peers in the same run, as ratios. The command gates nothing.
// Its Markdown marks each goal as met or not.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type PartName, partNames } from "@attune/server/bench-parts";
import { openOutput } from "@attune/shared/output";
import { fillIn } from "./markdown.js";
import { measurePart, measureQuick } from "./parts.js";
import { renderPart } from "./render.js";
import { type Part, toJson } from "./results.js";

const options = {
  json: { type: "boolean", default: false },
  out: { type: "string" },
  markdown: { type: "string" },
} as const;
const { values, positionals } = readArguments();
const output = openOutput({ stdout: process.stdout, stderr: process.stderr });
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
// The parent process is gone, and with it the reader of the tables.
process.once("disconnect", () => process.exit(1));
const code = await run(positionals[0]).catch((error: Error) => {
  output.stderr(`${error.stack}\n`);
  return 1;
});
// The threads of the peers would keep the process alive.
process.exit(await output.settle(code));

function readArguments() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}; see attune bench --help\n`);
    process.exit(1);
  }
}

async function run(chosen: string | undefined): Promise<number> {
  if (chosen === undefined) {
    show(await measureQuick());
    return 0;
  }
  if (chosen === "all") {
    show(await measureAll());
    return 0;
  }
  const name = partNames.find((part) => part === chosen);
  if (name === undefined) {
    process.stderr.write(`${chosen} is none of ${[...partNames, "all"].join(", ")}; see attune bench --help\n`);
    return 1;
  }
  const result = await measurePart(name);
  if (values.out !== undefined) keep(result, values.out);
  show([result]);
  return 0;
}

function show(parts: readonly Part[]): void {
  const json = parts.map(toJson);
  const text = values.json ? JSON.stringify(json.length === 1 ? json[0] : json) : parts.map(renderPart).join("\n");
  output.stdout(`${text}\n`);
  if (values.markdown !== undefined) {
    writeFileSync(values.markdown, fillIn(readFileSync(values.markdown, "utf8"), parts));
    process.stderr.write(`wrote the tables into ${values.markdown}\n`);
  }
}

function keep(result: Part, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.name}.json`), `${JSON.stringify(result)}\n`);
}

/**
 * Measures each part in a process of its own, as its own command runs it. Parts that `--out` holds already
 * are not measured again.
 */
async function measureAll(): Promise<Part[]> {
  const folder = values.out ?? mkdtempSync(join(tmpdir(), "attune-bench-"));
  const kept = (name: PartName) => join(folder, `${name}.json`);
  for (const [i, name] of partNames.entries()) {
    const there = existsSync(kept(name));
    process.stderr.write(`part ${i + 1} of ${partNames.length}: ${name}${there ? `, kept in ${kept(name)}` : ""}\n`);
    if (there) continue;
    const argv = [fileURLToPath(import.meta.url), name, "--out", folder];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error(`${name} ended with code ${code}; run attune bench all --out ${folder} to resume`);
  }
  return partNames.map((name) => JSON.parse(readFileSync(kept(name), "utf8")) as Part);
}
