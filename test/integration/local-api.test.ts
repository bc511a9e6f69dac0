// The local API of a real daemon, as the person's own programs use it: the documentation's example, events, and the
// token that may only predict.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectAgent } from "@attune/edge-agent/client";
import { openApiDocument } from "@attune/edge-agent/node/openapi";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "apps/edge-agent/bin/attune-agent.js");
let server: TestServer;
let home: string;
let daemon: ChildProcess;

beforeAll(async () => {
  server = await startTestServer();
  home = join(server.home.home, "agent");
  await createFleet(server, "home");
  const release = { folder: join(root, "assets/extractor"), model: "mine", modelVersion: "1.0.0" };
  const { sequence } = await publishFolder(server.access, release);
  await askServer(server.access, (client) =>
    client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }),
  );
  const token = await createToken(server, "home");
  daemon = run([program, "run", "--home", home, "--server", server.app.httpUrl, "--token", token]);
  await Promise.race([once(daemon.stdout!, "data"), once(daemon, "exit")]);
  const agent = connectAgent({ home });
  await eventually(async () => expect((await agent.status()).release).toMatchObject({ sequence: 1 }), 120_000);
});
afterAll(async () => {
  if (daemon?.exitCode === null) await stop();
  await server?.stop();
});

function run(argv: readonly string[]) {
  const env = { ...process.env, ATTUNE_AGENT_HOME: home };
  return spawn(process.execPath, argv, { cwd: root, env, stdio: ["pipe", "pipe", "ignore"] });
}

async function stop(): Promise<void> {
  const exit = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await exit;
}

async function answerOf(argv: readonly string[], stdin: string): Promise<string> {
  const child = run(argv);
  let out = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  child.stdin.end(stdin);
  await once(child, "close");
  return out;
}

test("the example takes utterances, one a line, and writes the emotion of each", async () => {
  const out = await answerOf(["docs/emotion-pipe.js"], "I got the job!\n\nI love this song\n");
  expect(out).toMatch(/^joy\t[01]\.\d\d\njoy\t[01]\.\d\d\n$/);
});

test("the second token is the owner's alone, status names its file, and it may only predict", async () => {
  const path = join(home, "predict-token");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await answerOf([program, "status"], "")).toContain(`token to predict  ${path}`);
  const agent = connectAgent({ home, scope: "predict" });
  expect(await agent.predict({ text: "I got the job!" })).toMatchObject({ label: "joy" });
  await expect(agent.entries()).rejects.toMatchObject({ code: "FORBIDDEN" });
});

test("the daemon serves the document of its routes", async () => {
  const { url } = JSON.parse(await readFile(join(home, "local-api.json"), "utf8")) as { url: string };
  const authorization = `Bearer ${await readFile(join(home, "local-token"), "utf8")}`;
  const response = await fetch(new URL("/v1/openapi.json", url), { headers: { authorization } });
  expect(await response.json()).toEqual(openApiDocument());
});

test("a diary goes into one sealed file, and comes back without the entries that were forgotten since", async () => {
  const agent = connectAgent({ home });
  const file = join(home, "diary.age");
  await agent.label({ id: "copied", text: "I love this song", label: "joy" });
  await agent.keep({ id: "kept", text: "no label yet", said: "2026-03-01T12:00:00+01:00" });
  const made = JSON.parse(await answerOf([program, "export", file, "--json"], ""));
  expect(made).toMatchObject({ file, entries: 2 });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, "latin1")).not.toContain("song");

  await agent.forget("copied");
  const take = [program, "import", file, "--passphrase-file", "-", "--json"];
  expect(JSON.parse(await answerOf(take, "another passphrase"))).toMatchObject({ error: { code: "INVALID_INPUT" } });
  expect(JSON.parse(await answerOf(take, made.passphrase))).toEqual({ added: 0, present: 1, forgotten: 1 });
  expect(JSON.parse(await answerOf([program, "export", file, "--json"], ""))).toMatchObject({
    error: { code: "CONFLICT" },
  });
});

test("events of a daemon report a lesson, and end with the daemon", async () => {
  const agent = connectAgent({ home });
  const types: string[] = [];
  for await (const event of agent.events()) {
    if (types.length === 0) await agent.label({ id: "a", text: "I got the job!", label: "joy" });
    types.push(event.type);
    if (event.type === "lesson") await stop();
  }
  expect(types[0]).toBe("state");
  expect(types).toContain("lesson");
  expect(daemon.exitCode).toBe(0);
});
