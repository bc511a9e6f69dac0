// Runs each flag of the commands that speak to a server against a real server. A flag without a row here fails.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { contractsWithMadeUp, madeUp } from "@attune/fakes/made-up-contract";
import { attune } from "@attune/server/cli/commands";
import { changeOptions } from "@attune/server/cli/declarations/fleet";
import { dispatch } from "@attune/server/cli/dispatch";
import { createContracts } from "@attune/shared/contracts/egress";
import type { Release } from "@attune/shared/contracts/release";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createFleet, enrolDevice, startTestServer, type TestDevice, type TestServer } from "./harness.js";
import { makeTemporaryHome } from "./temporary-home.js";

const extractor = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
let elsewhere: Awaited<ReturnType<typeof makeTemporaryHome>>;
let device: TestDevice;
let all: string[];

beforeAll(async () => {
  server = await startTestServer({ contracts: createContracts(contractsWithMadeUp) });
  elsewhere = await makeTemporaryHome();
  vi.stubEnv("ATTUNE_HOME", server.home.home);
  await createFleet(server, "home");
  await createFleet(server, "work");
  device = await enrolDevice(server, "home");
  all = [device.reply.device];
  await enrolDevice(server, "work");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
  await elsewhere?.remove();
});

async function run(...argv: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const io = {
    stdout: (line: string) => void out.push(line),
    stderr: (text: string) => void err.push(text),
    isTty: false,
  };
  const code = await dispatch([...argv, "--json"], { io });
  return { code, err: err.join(""), value: JSON.parse(out.join("")) as Record<string, never> };
}
const value = async (...argv: string[]) => (await run(...argv)).value as Record<string, unknown>;

/** The devices of the first fleet that fit the options. */
async function listed(...options: string[]): Promise<string[]> {
  const { devices } = await value("device", "list", "--fleet", "home", ...options);
  return (devices as { id: string }[]).map(({ id }) => id);
}

/** By command and flag, a test that the flag does what its help says. */
const shown: Record<string, () => Promise<void>> = {
  "publish --model": async () => expect((await published()).model).toBe("mine"),
  "publish --version": async () => expect((await published()).modelVersion).toBe("0.2.0"),
  "publish --head": async () => {
    const { sequence } = await published();
    expect(JSON.stringify(await value("release", "show", String(sequence)))).toMatch(
      /"kind":"elm".*"hidden":64|"hidden":64.*"kind":"elm"/,
    );
  },
  "publish --days": async () => {
    const { issuedAt, expiresAt } = await published();
    expect(Date.parse(String(expiresAt)) - Date.parse(String(issuedAt))).toBe(3 * 86_400_000);
  },
  "publish --contract": async () => {
    const { sequence } = await value(
      "publish",
      extractor,
      "--model",
      "mine",
      "--version",
      "0.3.0",
      "--contract",
      String(madeUp),
    );
    expect(await value("release", "show", String(sequence))).toMatchObject({
      release: { egressContractVersion: madeUp },
    });
  },
  "publish --words": async () => {
    const flags = ["--model", "mine", "--version", "0.4.0", "--words", "joy=Freude,anger=Wut"];
    const { sequence } = await value("publish", extractor, ...flags);
    const { release } = await value("release", "show", String(sequence));
    expect((release as Release).labels).toContainEqual({ slug: "joy", words: "Freude" });
  },
  "publish --fallback": async () => {
    const fallback = (await published()).sequence;
    const flags = ["--model", "mine", "--version", "0.5.0", "--fallback", String(fallback)];
    const { sequence } = await value("publish", extractor, ...flags);
    expect(await value("release", "show", String(sequence))).toMatchObject({ release: { fallback } });
  },
  "release --remove": async () => {
    const { sequence } = await published();
    await value("release", "tag", String(sequence), "old", "new");
    expect(await value("release", "tag", String(sequence), "--remove", "old")).toMatchObject({ tags: ["new"] });
  },
  "release --older-than": async () => {
    await published();
    const { kept } = await value("release", "collect", "--older-than", "1h");
    expect((kept as { namedBy: string[] }[]).map(({ namedBy }) => namedBy)).toContainEqual(["recent"]);
  },
  "release --dry-run": async () => {
    const { sequence } = await published();
    const { dryRun, collected } = await value("release", "collect", "--older-than", "0s", "--dry-run");
    expect(dryRun).toBe(true);
    expect((collected as { sequence: number }[]).map((one) => one.sequence)).toContain(sequence);
    expect(await value("release", "show", String(sequence))).toMatchObject({ collectedAt: null });
  },
  "release --days": async () => {
    const folder = join(elsewhere.home, "exported");
    await value("release", "export", String((await published()).sequence), folder);
    expect((await run("release", "import", folder, "--days", "3651")).err).toContain("--days 3651");
    expect(await value("release", "import", folder, "--days", "5")).toEqual(await published());
  },
  "alias --expect": async () => {
    const { sequence } = await published();
    await value("alias", "set", "mine@champion", String(sequence));
    expect((await run("alias", "delete", "mine@champion", "--expect", "0")).err).toContain("CONFLICT");
    expect(await value("alias", "delete", "mine@champion", "--expect", String(sequence))).toMatchObject({
      before: sequence,
    });
  },
  "rollout --fleet": async () => expect((await rolledOut()).fleet).toBe("work"),
  "rollout --release": async () => expect((await rolledOut()).releaseSequence).toBe((await published()).sequence),
  "rollout --rollout": async () => {
    const { rollout } = await rolledOut();
    expect((await value("rollout", "status", "--rollout", String(rollout))).fleet).toBe("work");
  },
  ...Object.fromEntries(
    Object.entries({
      "--fallback": ["NOT_FOUND", "65000"],
      "--groups": ["is not a list of numbers of devices and shares", "12,x"],
      "--kind": ["is not one of jetson, linux, phone", "desk"],
      "--engine": ["is not one of reference, wasm, native", "steam"],
      "--tag": ["--tag not a tag ", "not a tag"],
      "--memory": ["is not a whole number", "lots"],
      "--running": ["is not a whole number", "65536"],
      "--seen-within": ["is not a duration", "today"],
      "--failures": ["is not a whole number from 0 to 100", "101"],
      "--answers": ["is not a whole number from 0 to 100", "101"],
      "--worse": ["is not a whole number from 1 to 99", "0"],
      "--deadline": ["is not a duration", "soon"],
    }).map(([flag, [refusal, value]]) => [
      `rollout ${flag}`,
      // staged-rollout.test.ts shows the effects on a rollout.
      async () => {
        const flags = ["--fleet", "home", "--release", "1", ...(flag === "--fallback" ? [] : ["--fallback", "2"])];
        expect((await run("rollout", "plan", ...flags, flag, value!)).err).toContain(refusal!);
      },
    ]),
  ),
  "rollout --intake": async () => expect((await run("rollout", "plan", "--intake")).err).toContain("--fleet"),
  "rollout --plan": async () => {
    expect((await run("rollout", "apply", "--plan", "0".repeat(64))).err).toContain("NOT_FOUND");
  },
  "rollout --until": async () => {
    await rolledOut();
    const flags = ["--fleet", "work", "--timeout", "0s"];
    expect((await run("rollout", "watch", ...flags, "--until", "paused")).value).toMatchObject({ outcome: "timedOut" });
  },
  "rollout --timeout": async () => {
    await rolledOut();
    expect((await run("rollout", "watch", "--fleet", "work", "--timeout", "0s")).code).toBe(7);
  },
  "rollout --revert": async () => {
    await rolledOut();
    expect((await run("rollout", "abort", "--fleet", "work", "--revert")).err).toContain("has no fallback");
  },
  "token --fleet": async () => {
    expect((await run("token", "create", "--fleet", "nobodys")).err).toContain("NOT_FOUND");
    expect((await value("token", "create", "--fleet", "home")).token).toMatch(/^attune1\./);
  },
  "token --expires": async () => {
    const lifeMs = async (ttl: string) =>
      Date.parse(String((await value("token", "create", "--fleet", "home", "--expires", ttl)).expiresAt)) - Date.now();
    expect((await lifeMs("7d")) - (await lifeMs("1h"))).toBeGreaterThan(6 * 86_400_000);
  },
  "device --fleet": async () => {
    const fleets = (reply: Record<string, unknown>) => (reply.devices as { fleet: string }[]).map(({ fleet }) => fleet);
    expect(fleets(await value("device", "list")).sort()).toEqual(["home", "work"]);
    expect(fleets(await value("device", "list", "--fleet", "work"))).toEqual(["work"]);
  },
  "token --count": async () => {
    expect((await value("token", "create", "--fleet", "home", "--count", "3")).tokens).toHaveLength(3);
  },
  "token --tag": async () => {
    const { tags } = await value("token", "create", "--fleet", "home", "--tag", "site=berlin", "--tag", "spare");
    expect(tags).toEqual(["site=berlin", "spare"]);
    expect((await run("token", "create", "--fleet", "home", "--tag", "No tag")).err).toContain("--tag No tag");
  },
  "device --remove": async () => {
    const id = device.reply.device;
    expect((await value("device", "tag", id, "spare", "site=bonn")).tags).toEqual(["site=bonn", "spare"]);
    expect((await value("device", "tag", id, "--remove", "spare")).tags).toEqual(["site=bonn"]);
  },
  "device --tag": async () => {
    await value("device", "tag", device.reply.device, "listed");
    expect(await listed("--tag", "listed")).toEqual([device.reply.device]);
    expect(await listed("--tag", "absent")).toEqual([]);
  },
  "device --kind": async () =>
    expect([await listed("--kind", "phone"), await listed("--kind", "linux")]).toEqual([[], all]),
  "device --engine": async () =>
    expect([await listed("--engine", "wasm"), await listed("--engine", "reference")]).toEqual([[], all]),
  "device --memory": async () =>
    expect([await listed("--memory", "9999999"), await listed("--memory", "0")]).toEqual([[], all]),
  "device --release": async () =>
    expect([await listed("--release", "65535"), await listed("--release", "0")]).toEqual([[], all]),
  "device --health": async () =>
    expect([await listed("--health", "online"), await listed("--health", "stale")]).toEqual([[], all]),
  "device --decommissioned": async () => {
    const { reply } = await enrolDevice(server, "home");
    await value("device", "decommission", reply.device);
    expect([await listed(), await listed("--decommissioned")]).toEqual([all, [reply.device]]);
  },
  "device --limit": async () => {
    const { entries } = await value("device", "timeline", device.reply.device, "--limit", "1");
    expect(entries).toHaveLength(1);
  },
  "report --device": async () => {
    const summary = await value("report", "summary", "--device", device.reply.device);
    expect(summary.reports).toBe(0);
    expect((await run("report", "summary", "--device", "x")).err).toContain("INVALID_INPUT");
  },
  "report --fleet": async () => {
    expect(await value("report", "averages", "--fleet", "work")).toEqual({ minDevices: 5, releases: [] });
    expect((await run("report", "averages", "--fleet", "No fleet")).err).toContain("INVALID_INPUT");
  },
  "report --limit": async () => {
    expect(await value("report", "list", "--limit", "1")).toEqual({ reports: [] });
    expect((await run("report", "list", "--limit", "1001")).err).toContain("--limit 1001");
  },
  "access --name": async () => {
    expect((await value("access", "create", "--name", "nora", "--role", "viewer")).token).toMatch(/^attune-api\./);
    expect((await run("access", "create", "--name", "owner", "--role", "viewer")).code).toBe(2);
  },
  "access --role": async () => {
    await value("access", "create", "--name", "roles", "--role", "auditor", "--role", "manager");
    const { tokens } = await value("access", "list");
    expect(tokens).toContainEqual(expect.objectContaining({ name: "roles", roles: ["manager", "auditor"] }));
  },
  "access --expires": async () => {
    const { expiresAt } = await value("access", "create", "--name", "short", "--role", "viewer", "--expires", "1h");
    expect(Date.parse(String(expiresAt)) - Date.now()).toBeLessThanOrEqual(3_600_000);
  },
  "access --limit": async () => {
    await value("fleet", "create", "limited");
    const { events, fault } = await value("access", "events", "--limit", "1");
    expect({ events, fault }).toMatchObject({ events: [{ subject: "limited" }], fault: null });
  },
  "audit --journal": async () => {
    const journal = join(elsewhere.home, "journal.json");
    await writeFile(journal, "[]");
    expect(await value("audit", "--journal", journal)).toMatchObject({ verdict: "consistent", entries: 0 });
  },
};

test("publish shows the uploaded share on standard error", async () => {
  const { err } = await run("publish", extractor, "--model", "shown", "--version", "1.0.0");
  expect(err.split("\n").filter((line) => line !== "")).toEqual([
    expect.stringMatching(/^░+ +0% · uploading /),
    expect.stringMatching(/^█+ 100% · uploading /),
  ]);
});

async function published(): Promise<Record<string, unknown>> {
  const flags = ["--model", "mine", "--version", "0.2.0", "--head", "elm:64:1", "--days", "3"];
  return value("publish", extractor, ...flags);
}

async function rolledOut(): Promise<Record<string, unknown>> {
  const { sequence } = await published();
  const flags = ["--fleet", "work", "--release", String(sequence)];
  return { ...(await value("rollout", "create", ...flags)), ...(await value("rollout", "status", "--fleet", "work")) };
}

const table = attune.commands.filter(({ declaration: { name } }) =>
  ["publish", "release", "model", "alias", "fleet", "rollout", "token", "device", "report", "access", "audit"].includes(
    name,
  ),
);

test("every flag that one of them declares has its row", () => {
  const declared = table.flatMap(({ declaration, commands }) =>
    [declaration, ...commands.map((part) => part.declaration)]
      .flatMap(({ options = {} }) => Object.keys(options))
      .filter((flag) => !(flag in changeOptions))
      .map((flag) => `${declaration.name} --${flag}`),
  );
  expect(Object.keys(shown).sort()).toEqual([...new Set(declared)].sort());
});

test.each(Object.entries(shown))("%s does what its help says", (_flag, show) => show());

test("--reason is kept with each change that was made", async () => {
  const { token, id } = await value("access", "create", "--name", "why", "--role", "viewer", "--reason", "why 1");
  expect(token).toBeDefined();
  await value("access", "revoke", String(id), "--reason", "why 2");
  await value("fleet", "create", "why", "--reason", "why 3");
  await value("token", "create", "--fleet", "why", "--reason", "why 4");
  const { sequence } = await value("publish", extractor, "--model", "why", "--version", "1.0.0", "--reason", "why 5");
  await value("rollout", "create", "--fleet", "why", "--release", String(sequence), "--reason", "why 6");
  const { reply } = await enrolDevice(server, "why");
  await value("device", "revoke", reply.device, "--reason", "why 7");
  const release = String(sequence);
  await value("release", "tag", release, "tested", "--reason", "why 8");
  await value("release", "note", release, "a note", "--reason", "why 9");
  await value("alias", "set", "why@champion", release, "--reason", "why 10");
  await value("alias", "delete", "why@champion", "--reason", "why 11");
  await value("device", "tag", reply.device, "spare", "--reason", "why 12");
  await value("device", "decommission", reply.device, "--reason", "why 13");
  const { events } = await value("access", "events", "--limit", "1000");
  const reasons = (events as { reason: string | null }[]).flatMap(({ reason }) => reason ?? []);
  expect(reasons).toEqual(Array.from({ length: 13 }, (_, index) => `why ${index + 1}`));
});

test.each([
  ["publish", "folder", "another"],
  ["release", "list", "3"],
  ["release", "show", "3", "4"],
  ["release", "note", "3", "text", "more"],
  ["release", "compare", "2", "3", "4"],
  ["release", "export", "3", "folder", "another"],
  ["release", "import", "folder", "another"],
  ["release", "collect", "3"],
  ["model", "list", "mine"],
  ["model", "show", "mine", "another"],
  ["alias", "set", "mine@champion", "3", "4"],
  ["alias", "delete", "mine@champion", "3"],
  ["fleet", "create", "living", "room"],
  ["fleet", "list", "home"],
  ["rollout", "create", "3"],
  ["rollout", "plan", "home"],
  ["rollout", "apply", "home"],
  ["rollout", "status", "home"],
  ["rollout", "watch", "home"],
  ["rollout", "pause", "home"],
  ["rollout", "resume", "home"],
  ["rollout", "abort", "home"],
  ["token", "create", "home"],
  ["device", "list", "home"],
  ["device", "timeline", "0123456789abcdef0123456789abcdef", "another"],
  ["device", "decommission", "0123456789abcdef0123456789abcdef", "another"],
  ["device", "revoke", "0123456789abcdef0123456789abcdef", "another"],
  ["report", "list", "10"],
  ["report", "summary", "10"],
  ["report", "averages", "home"],
  ["access", "create", "nora"],
  ["access", "list", "nora"],
  ["access", "revoke", "0123456789abcdef", "another"],
  ["access", "events", "10"],
  ["audit", "journal.json"],
  ["bench", "table8", "table9"],
])("attune %s %s refuses an argument that it does not take, with its usage", async (...argv) => {
  const { code, err } = await run(...argv);
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`"${argv.at(-1)}" is one argument too many`) });
  expect(err).toMatch(new RegExp(`usage: attune ${argv[0]} `));
});

// An empty journal names no device to ask for. `audit` asks in the same way as the other commands.
const asking = table.map(({ declaration }) => declaration.name).filter((name) => name !== "audit");
describe.each(asking)("attune %s finds its server", (name) => {
  const argv = {
    publish: [extractor, "--model", "mine", "--version", "0.2.0", "--head", "elm:64:1", "--days", "3"],
    release: ["list"],
    model: ["list"],
    alias: ["set", "mine@champion", "mine@0.2.0"],
    fleet: ["list"],
    rollout: ["status", "--fleet", "work"],
    token: ["create", "--fleet", "home"],
    device: ["list"],
    report: ["list"],
    access: ["list"],
  }[name] as string[];
  const finds = async (...flags: string[]) => (await run(name, ...argv, ...flags)).code === 0;

  test("by --home, before ATTUNE_HOME; by --server and --admin-token-file, before both", async () => {
    await rolledOut();
    vi.stubEnv("ATTUNE_HOME", elsewhere.home);
    try {
      expect(await finds()).toBe(false);
      expect(await finds("--home", server.home.home)).toBe(true);
      const flags = ["--server", server.app.httpUrl, "--admin-token-file", server.home.adminTokenFile];
      expect(await finds(...flags)).toBe(true);
      expect(await finds(...flags, "--home", elsewhere.home)).toBe(true);
    } finally {
      vi.stubEnv("ATTUNE_HOME", server.home.home);
    }
  });
});
