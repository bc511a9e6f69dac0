#!/usr/bin/env node
// Starts the built command; builds it first when that was not done yet.
import { execSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

// The young generation stays at its first size instead of growing to 3 x 16 MB: a daemon that waits most of the time pays for
// that with resident memory (101 MB instead of 90 with a 2.4 MB extractor) and gains no speed from it. Before the program
// is imported, because that alone lets it grow.
setFlagsFromString("--semi-space-growth-factor=1");

const at = (path) => new URL(path, import.meta.url);
const modules = at("../dist/node/main.js");
if (!existsSync(modules)) {
  process.stderr.write("attune-agent: building first (once)\n");
  execSync("npm run --silent build", { cwd: fileURLToPath(at("../../..")), stdio: ["ignore", 2, 2] });
}

// The same in a few files (bundle.js), unless something that they were made of has been compiled or installed since.
const bundle = at("../dist/bundle/main.js");
const madeOf = [
  "apps/edge-agent/dist/node",
  "apps/edge-agent/dist/core",
  "packages/ml/dist",
  "packages/shared/dist",
  "packages/platform/dist",
];
const stamps = [...madeOf.map((folder) => `${folder}/.tsbuildinfo`), "node_modules/.package-lock.json"];
const changedMs = (url) => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isCurrent = stamps.every((stamp) => changedMs(at(`../../../${stamp}`)) < changedMs(bundle));
await import((isCurrent ? bundle : modules).href);
