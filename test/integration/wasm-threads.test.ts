// The life of the WebAssembly kernels' threads in the built agent's engine, seen from outside. The tests read the
// system's list of a process's threads (Linux has it as a folder), and the way in which the process ends.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The bundled extractor's encoder on so many threads, where the native kernels do not load. */
const start = `
  const { readdirSync, readFileSync } = await import("node:fs");
  const load = (path) => import(${JSON.stringify(root)} + path);
  const { chooseEngine } = await load("apps/edge-agent/dist/node/engine.js");
  const { parseEncoderConfig } = await load("packages/ml/dist/encoder/config.js");
  const { parseSafetensors } = await load("packages/ml/dist/tensor/safetensors.js");
  const asset = (name) => readFileSync(${JSON.stringify(root)} + "assets/extractor/" + name);
  const config = parseEncoderConfig(asset("config.json").toString("utf8"));
  const file = parseSafetensors(asset("model.safetensors"));
  const ids = Int32Array.from({ length: 20 }, (_, i) => 100 + i);
  const tasks = () => readdirSync("/proc/self/task").length;
  const turn = () => new Promise(setImmediate);
  const until = async (count) => { while (tasks() !== count) await new Promise((resolve) => setTimeout(resolve, 5)); };
  async function open(threads) {
    const chosen = await chooseEngine({ threads, loadAddon: () => { throw new Error("left out"); } });
    const encoder = chosen.engine.createEncoder(config, file);
    const features = () => Buffer.from(encoder.pooled([ids], "mean").data.buffer).toString("hex");
    return { ...chosen, features };
  }
`;

function run(script: string) {
  const args = ["--input-type=module", "-e", start + script];
  return spawnSync(process.execPath, args, { encoding: "utf8", timeout: 120_000 });
}

beforeAll(() => {
  if (!existsSync(join(root, "apps/edge-agent/dist/node/kernel-threads.js"))) {
    throw new Error("The agent is not built: run `npm run build` first");
  }
});

test("one thread starts none; three start two, which end when the engine is closed", () => {
  const { stdout, stderr } = run(`
    await (await open(1)).features();
    const alone = await open(1);
    const before = tasks();
    const shared = await open(3);
    await until(before + 2);
    for (let i = 0; i < 50; i++, await turn()) if (shared.features() !== alone.features()) throw new Error("other features");
    const during = shared.why();
    shared.close();
    await until(before);
    if (shared.features() !== alone.features()) throw new Error("other features");
    console.log(JSON.stringify({ during, after: shared.why() }));
  `);
  expect(stderr).toBe("");
  const { during, after } = JSON.parse(stdout);
  expect(during).toMatch(/SIMD on 3 threads: /);
  expect(after).toMatch(/SIMD on one thread instead of 3 /);
});

test("a process with threads ends by itself, by process.exit, and when it is asked to", () => {
  const ready = `
    await (await open(1)).features();
    const before = tasks();
    const shared = await open(3);
    await until(before + 2);
    for (let i = 0; i < 20; i++, await turn()) shared.features();
  `;
  expect(run(ready)).toMatchObject({ status: 0, signal: null, stderr: "" });
  expect(run("const shared = await open(3); shared.features();")).toMatchObject({
    status: 0,
    signal: null,
    stderr: "",
  });
  expect(run(`${ready} process.exit(7);`)).toMatchObject({ status: 7, signal: null, stderr: "" });
  expect(run(`${ready} process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 60_000);`)).toMatchObject({
    signal: "SIGTERM",
  });
});
