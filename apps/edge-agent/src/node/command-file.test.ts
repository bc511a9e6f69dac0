import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "attune-command-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const agent = "apps/edge-agent";
const command = join(root, agent, "bin/attune-agent.js");
const stamps = [
  `${agent}/dist/node/.tsbuildinfo`,
  `${agent}/dist/core/.tsbuildinfo`,
  "packages/ml/dist/.tsbuildinfo",
  "packages/shared/dist/.tsbuildinfo",
  "packages/platform/dist/.tsbuildinfo",
  "node_modules/.package-lock.json",
];

function write(path: string, { content = "", minute }: { content?: string; minute: number }): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, minute * 60, minute * 60);
}

/** What the command says that it runs, with a bundle that was made in the fifth minute. */
function run(): string {
  return execFileSync(process.execPath, [command], { encoding: "utf8" });
}

describe("the attune-agent command", () => {
  write(`${agent}/package.json`, { content: '{ "type": "module" }', minute: 0 });
  write(`${agent}/bin/attune-agent.js`, { minute: 0 });
  copyFileSync(fileURLToPath(new URL("../../bin/attune-agent.js", import.meta.url)), command);
  write(`${agent}/dist/node/main.js`, { content: 'process.stdout.write("modules");', minute: 4 });

  it("runs the modules where there is no bundle", () => {
    expect(run()).toBe("modules");
  });

  it("runs the bundle that is younger than all it was made of, also where only what is to be run was installed", () => {
    write(`${agent}/dist/bundle/main.js`, { content: 'process.stdout.write("bundle");', minute: 5 });
    expect(run()).toBe("bundle");
    for (const stamp of stamps) write(stamp, { minute: 4 });
    expect(run()).toBe("bundle");
  });

  it.each(stamps)("runs the modules when %s has changed since", (stamp) => {
    write(stamp, { minute: 6 });
    expect(run()).toBe("modules");
    write(stamp, { minute: 4 });
  });
});
