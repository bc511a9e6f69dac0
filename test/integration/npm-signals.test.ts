// Ctrl-C during `npm start`, and a signal to npm alone, as a service manager sends it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

const program = `process.on("SIGINT", () => process.exit(0));
setInterval(() => {}, 1_000);
console.log("up");`;

test.each([
  ["start", "npm alone"],
  ["start", "the whole group"],
  ["demo", "npm alone"],
])(
  "npm run %s ends with the program's own exit code when %s gets SIGINT",
  async (name, whom) => {
    const directory = mkdtempSync(join(tmpdir(), "attune-npm-"));
    try {
      // The script keeps its shape, around a program that is up at once.
      const script = manifest.scripts[name]!.replace("npm run --silent build", "true").replace(
        /apps\/\S+/,
        "program.js",
      );
      writeFileSync(join(directory, "package.json"), JSON.stringify({ scripts: { [name]: script } }));
      writeFileSync(join(directory, "program.js"), program);
      const child = spawn("npm", ["run", "--silent", name], { cwd: directory, detached: true });
      const exit = once(child, "exit", { signal: AbortSignal.timeout(20_000) });
      await once(child.stdout, "data");
      process.kill(whom === "npm alone" ? child.pid! : -child.pid!, "SIGINT");
      const hung = () => process.kill(-child.pid!, "SIGKILL");
      expect(await exit.finally(() => child.exitCode === null && hung())).toEqual([0, null]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  40_000,
);
