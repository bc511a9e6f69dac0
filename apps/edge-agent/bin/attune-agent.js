#!/usr/bin/env node
// Starts the built command; builds it first when that was not done yet.
import { execSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

// The young generation stays at its first size instead of growing to 3 x 16 MB: a daemon that waits most of the time pays for
// that with resident memory (101 MB instead of 90 with a 2.4 MB extractor) and gains no speed from it. Before the program
// is imported, because that alone lets it grow.
setFlagsFromString("--semi-space-growth-factor=1");

const entry = new URL("../dist/node/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("attune-agent: building first (once)\n");
  execSync("npm run --silent build", {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    stdio: ["ignore", 2, 2],
  });
}
await import(entry.href);
