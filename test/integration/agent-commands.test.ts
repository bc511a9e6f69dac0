// Runs each flag of attune-agent's commands as a person does, with a real server and daemon. A flag
// without a row fails.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attuneAgent } from "@attune/edge-agent/node/cli/commands";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { demonstrationContracts } from "@attune/server/contract-window";
import { demoContract, firstContract } from "@attune/shared/contracts/egress";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

const program = fileURLToPath(new URL("../../apps/edge-agent/bin/attune-agent.js", import.meta.url));
const extractor = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
let home: string;
let daemon: ChildProcess;

beforeAll(async () => {
  server = await startTestServer();
  home = join(server.home.home, "agent");
  // Only version 1 has the report that learn --report asks for.
  await rollOutBundled(server, firstContract);
  daemon = await runDaemon(home, "--server", server.app.httpUrl, "--token", await createToken(server, "home"));
  await eventually(
    async () => expect(((await ask("status")).release as { sequence: number }).sequence).toBe(1),
    60_000,
  );
});
afterAll(async () => {
  if (daemon !== undefined) await stop(daemon);
  await server?.stop();
});

async function rollOutBundled({ access }: TestServer, egressContractVersion?: number): Promise<void> {
  await createFleet({ access }, "home");
  const release = { folder: extractor, model: "mine", modelVersion: "1.0.0", egressContractVersion };
  const { sequence } = await publishFolder(access, release);
  await askServer(access, (client) => client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }));
}

function start(argv: readonly string[]) {
  const { ATTUNE_SERVER: _server, ATTUNE_AGENT_HOME: _home, ...env } = process.env;
  return spawn(process.execPath, [program, ...argv, "--json"], { env, stdio: ["pipe", "pipe", "ignore"] });
}

async function runDaemon(directory: string, ...flags: string[]): Promise<ChildProcess> {
  const child = start(["run", "--home", directory, ...flags]);
  // The daemon prints one object once it is ready.
  await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  expect(child.exitCode).toBeNull();
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

async function askIn(directory: string, argv: readonly string[], stdin = ""): Promise<Record<string, unknown>> {
  const child = start([...argv, "--home", directory]);
  child.stdin.end(stdin);
  let out = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  await once(child, "close");
  return JSON.parse(out);
}
const ask = (...argv: string[]) => askIn(home, argv, "I got the job!");
const label = (id: string, ...flags: string[]) => ask("label", "--id", id, "--label", "joy", ...flags, "-");
const sent = async () => (await ask("status")).sent as { messages: number };
const indices = async (...flags: string[]) =>
  ((await ask("journal", ...flags)).entries as { index: number }[]).map(({ index }) => index);

/** By command and flag, a test that the flag does what its help says. */
const shown: Record<string, () => Promise<void>> = {
  "enrol --server": async () => {
    const directory = join(home, "..", "none");
    const enrol = async (...flags: string[]) =>
      (await askIn(directory, ["enrol", "--token", await createToken(server, "home"), ...flags])).error;
    expect(await enrol()).toMatchObject({ code: "INVALID_CONFIGURATION" });
    expect(await enrol("--server", "http://127.0.0.1:1")).toMatchObject({ code: "SERVER_UNAVAILABLE" });
    expect(await enrol("--server", server.app.httpUrl)).toBeUndefined();
  },
  "enrol --token": async () => {
    const flags = ["enrol", "--server", server.app.httpUrl, "--token"];
    const given = await askIn(join(home, "..", "given"), [...flags, await createToken(server, "home")]);
    expect(given).toMatchObject({ fleet: "home", device: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const read = await askIn(join(home, "..", "read"), [...flags, "-"], `${await createToken(server, "home")}\n`);
    expect(read).toMatchObject({ fleet: "home" });
    expect(read.device).not.toBe(given.device);
  },
  "run --server": async () => {
    // The first start names the server; later starts need no flag.
    await stop(daemon);
    daemon = await runDaemon(home);
    await eventually(async () => expect((await ask("status")).connected).toMatchObject({ server: true }));
  },
  "run --token": async () => {
    const { device } = await ask("status");
    await stop(daemon);
    daemon = await runDaemon(home, "--token", "attune1.of-no-use-to-an-enrolled-device");
    expect((await ask("status")).device).toBe(device);
  },
  "run --demo": async () => {
    const demonstration = await startTestServer(demonstrationContracts());
    await rollOutBundled(demonstration);
    const enter = async (name: string, ...flags: string[]) => {
      const directory = join(home, "..", name);
      const token = await createToken(demonstration, "home");
      const child = await runDaemon(directory, "--server", demonstration.app.httpUrl, "--token", token, ...flags);
      return { child, status: () => askIn(directory, ["status"]) };
    };
    const [usual, known] = [await enter("usual"), await enter("known", "--demo")];
    const refused = { updateState: "failed", updateReason: "contractUnsupported", release: null };
    await eventually(async () => expect(await usual.status()).toMatchObject(refused), 60_000);
    const taken = { updateState: "committed", release: { sequence: 1 }, contract: { spoken: demoContract } };
    await eventually(async () => expect(await known.status()).toMatchObject(taken), 60_000);
    for (const { child } of [usual, known]) await stop(child);
    await demonstration.stop();
  },
  "label --id": async () => {
    expect(await label("note-1")).toMatchObject({ id: "note-1" });
    expect(await ask("forget", "note-1")).toEqual({ removed: true, retrained: true });
    expect(await ask("forget", "note-1")).toEqual({ removed: false });
    expect((await label("not an id")).error).toMatchObject({ code: "INVALID_INPUT" });
  },
  "label --label": async () => {
    const { error } = await ask("label", "--id", "note-1", "--label", "hunger", "-");
    expect(error).toMatchObject({ code: "INVALID_INPUT" });
  },
  "label --split": async () => {
    for (const split of ["train", "holdout"]) {
      expect(await label(`kept-${split}`, "--split", split)).toMatchObject({ split });
      await ask("forget", `kept-${split}`);
    }
    expect((await label("kept", "--split", "dev")).error).toMatchObject({ code: "INVALID_INPUT" });
  },
  "learn --report": async () => {
    const emotions = ["joy", "anger"];
    for (let i = 0; i < 6; i++) {
      const split = i < 4 ? "train" : "holdout";
      const argv = ["label", "--id", `said-${i}`, "--label", emotions[i % 2]!, "--split", split, "-"];
      await askIn(home, argv, i % 2 === 0 ? "What a lovely day" : "Leave me alone");
    }
    const reports = async () =>
      ((await ask("journal")).entries as { type: string }[]).filter(({ type }) => type === "report.metrics").length;
    const before = await reports();
    expect(await ask("learn")).toMatchObject({ head: expect.any(String), holdout: 2 });
    expect(await ask("learn", "--report")).toMatchObject({ holdout: 2 });
    await eventually(async () => expect(await reports()).toBe(before + 1));
  },
  "export --passphrase-file": async () => {
    const file = join(home, "own.age");
    const argv = ["export", file, "--passphrase-file", "-"];
    expect((await askIn(home, argv, "too short\n")).error).toMatchObject({ code: "INVALID_INPUT" });
    const made = await askIn(home, argv, "words of my own\n");
    expect(made).toEqual({ file, entries: expect.any(Number) });
  },
  "import --passphrase-file": async () => {
    const file = join(home, "other.age");
    const { entries, passphrase } = await ask("export", file);
    const { error } = await askIn(home, ["import", file, "--passphrase-file", "-"], "another passphrase\n");
    expect(error).toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining(file) });
    const words = join(home, "words.txt");
    await writeFile(words, `${passphrase}\n`);
    const taken = await ask("import", file, "--passphrase-file", words);
    expect(taken).toEqual({ added: 0, present: entries, forgotten: 0 });
  },
  "journal --after": async () => {
    const all = await indices();
    expect(all.length).toBeGreaterThan(2);
    expect((await sent()).messages).toBeGreaterThanOrEqual(all.length);
    expect((await indices("--after", "1"))[0]).toBe(all.find((index) => index > 1));
  },
  "journal --limit": async () => expect(await indices("--limit", "2")).toEqual((await indices()).slice(0, 2)),
};

test("every flag that a command declares has its row", () => {
  const declared = attuneAgent.commands.flatMap(({ declaration: { name, options = {} } }) =>
    Object.keys(options).map((flag) => `${name} --${flag}`),
  );
  expect(Object.keys(shown).sort()).toEqual(declared.sort());
});

test.each(Object.entries(shown))("%s does what its help says", (_flag, show) => show());

test("the daemon runs a release by its manifest of version 2, whose golden vectors are compact", async () => {
  const { device, release } = await ask("status");
  const offered = await server.database.device.findUnique({ where: { id: String(device) } });
  const { sequence, labels } = release as { sequence: number; labels: unknown[] };
  expect(offered).toMatchObject({ offeredSequence: sequence, offeredManifest: 2 });
  expect(labels).toHaveLength(7);
  const slot = join(home, "slots", String(sequence));
  expect(JSON.parse(await readFile(join(slot, "manifest.json"), "utf8")).payload).toMatchObject({ version: 2, labels });
  expect(JSON.parse(await readFile(join(slot, "golden.json"), "utf8"))).toMatchObject({ version: 2 });
});

test("a question works without a daemon, too, where the help says so; a prediction says that none runs", async () => {
  expect(await ask("predict", "-")).toMatchObject({ label: expect.any(String), head: expect.any(String) });
  const running = await ask("status");
  await stop(daemon);
  const { device, release } = await ask("status");
  expect({ device, release }).toEqual({ device: running.device, release: running.release });
  expect((await indices()).length).toBeGreaterThan(2);
  expect((await ask("predict", "-")).error).toMatchObject({ code: "AGENT_NOT_RUNNING" });
});

test("a daemon starts while commands read its directory", async () => {
  const reading = Array.from({ length: 3 }, () => ask("journal", "--limit", "1"));
  daemon = await runDaemon(home);
  for (const reply of await Promise.all(reading)) expect(reply).toHaveProperty("entries");
});
