// The begin and the end of the addon's threads, seen from outside: Linux lists the threads of a process in a folder.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeUnlessLacking, lackOfAddon } from "../../../../test/requirements.js";

const addon = fileURLToPath(
  new URL(`../../dist/native/attune-${process.platform}-${process.arch}.node`, import.meta.url),
);

/** An encoder of one layer and four features, which is enough to be run. */
const start = `
  const { readdirSync } = require("node:fs");
  const { Worker, isMainThread } = require("node:worker_threads");
  const addon = require(${JSON.stringify(addon)});
  const config = new Uint8Array(new Int32Array([9, 4, 1, 2, 8, 16, 2, 0, 0, 0, 0, 0, 32, -1, 4, 4, 1, 0, 0, 0, 0]).buffer);
  new Float32Array(config.buffer).fill(1e-5, 19);
  const tasks = () => readdirSync("/proc/self/task").length;
  function open(threads) {
    const encoder = addon.createEncoder(0, config, threads);
    for (let i = 0; i < 20; i++) {
      if (addon.embed(encoder, Int32Array.of(1, 2, 3), Int32Array.of(3)) !== -10) throw new Error("arity");
      if (addon.embed(encoder, Int32Array.of(1, 2, 3), Int32Array.of(3), undefined) !== 0) throw new Error("embed");
      if (addon.run(encoder, 0, 1) !== 0) throw new Error("run");
    }
    return encoder;
  }
`;
const node = (script: string) =>
  execFileSync(process.execPath, ["-e", start + script], { encoding: "utf8", timeout: 60_000 });

const lacking = existsSync("/proc/self/task") ? lackOfAddon() : "this system lists no threads";
describeUnlessLacking("the addon's threads", lacking, () => {
  test("one thread starts none, three start two, and the next encoder takes the same ones", () => {
    const counts = node(`
      const before = tasks();
      const kept = [1, 3, 3, 2].map((threads) => [open(threads), tasks() - before]);
      console.log(JSON.stringify(kept.map(([, count]) => count)));
    `);
    expect(JSON.parse(counts)).toEqual([0, 2, 2, 3]);
  });

  test("a worker's threads end with it, whether it ends or is ended", () => {
    const counts = node(`
      const inWorker = ${JSON.stringify(start)} + "globalThis.kept = open(3); postMessage(tasks());";
      const work = (end) => new Promise((resolve, reject) => {
        const worker = new Worker("const { parentPort } = require('node:worker_threads');" +
          "const postMessage = (it) => parentPort.postMessage(it);" + inWorker + end, { eval: true });
        let most;
        worker.on("error", reject);
        worker.on("message", (count) => { most = count; if (end !== "") worker.terminate(); });
        worker.on("exit", () => resolve([most, tasks()]));
      });
      const busy = "setInterval(() => addon.run(globalThis.kept, 0, 1), 0)";
      (async () => {
        const before = tasks();
        const ends = [await work(""), await work(busy)];
        console.log(JSON.stringify(ends.map(([most, after]) => [most - before, after - before])));
      })();
    `);
    // First the worker's own thread and the two that its encoder asked for; then none of the three.
    expect(JSON.parse(counts)).toEqual([
      [3, 0],
      [3, 0],
    ]);
  });

  test("a process with threads ends at once, by process.exit too", () => {
    const end = (script: string) =>
      spawnSync(process.execPath, ["-e", start + script], { encoding: "utf8", timeout: 60_000 });
    expect(end("open(3);")).toMatchObject({ status: 0, signal: null, stderr: "" });
    expect(end("open(3); process.exit(7);")).toMatchObject({ status: 7, signal: null, stderr: "" });
  });
});
