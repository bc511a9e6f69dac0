import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = realpathSync(mkdtempSync(join(tmpdir(), "attune-command-")));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): string {
  const file = join(root, "apps/edge-agent", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

describe("the attune-agent command", () => {
  write("package.json", '{ "type": "module" }');
  const command = write("bin/attune-agent.js", "");
  copyFileSync(fileURLToPath(new URL("../../bin/attune-agent.js", import.meta.url)), command);
  const run = () => spawnSync(process.execPath, [command], { encoding: "utf8" });

  test("says where to build, in one sentence, when nothing was built", () => {
    expect(run()).toMatchObject({
      status: 1,
      stdout: "",
      stderr: `error INVALID_CONFIGURATION: attune-agent is not built\nwhat to do: Run npm run build in ${root}/\n`,
    });
  });

  test("runs the bundle that was built, whatever the dates of other files", () => {
    write("dist/bundle/main.js", 'process.stdout.write("bundle");');
    write("dist/node/main.js", 'process.stdout.write("modules");');
    expect(run()).toMatchObject({ status: 0, stdout: "bundle" });
  });
});
