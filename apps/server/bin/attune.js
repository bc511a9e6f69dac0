#!/usr/bin/env node
// Starts the built command. An unbuilt tree is built first.

import { execSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const entry = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(entry)) {
  process.stderr.write("attune: building first (once)\n");
  execSync("npm run --silent build", {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    stdio: ["ignore", 2, 2],
  });
}
await import(entry.href);
