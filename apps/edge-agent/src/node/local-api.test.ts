import * as http from "node:http";
import { maxRequestBytes, maxUtteranceCodePoints } from "@attune/shared/contracts/local-api";
import { eventsPath, localRoutes, openApiPath } from "@attune/shared/contracts/local-routes";
import { AppError } from "@attune/shared/errors";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../core/agent-api.js";
import { createLocalApi, listenLocally } from "./local-api.js";

const token = "f".repeat(64);
const tokens = { all: token, predict: "e".repeat(64) };
const secret = "I never told anybody this";
let calls: { method: string; input: unknown }[];
let logged: string[];
let fail: unknown;
let api: ReturnType<typeof createLocalApi>;
let port: number;

beforeEach(async () => {
  calls = [];
  logged = [];
  fail = undefined;
  const answer = (method: string, reply: unknown) => async (input?: unknown) => {
    calls.push({ method, input });
    if (fail !== undefined) throw fail;
    return reply;
  };
  const agent = {
    predict: answer("predict", {
      id: null,
      label: "joy",
      predictionSet: ["joy"],
      probabilities: { joy: 1 },
      head: "prior",
      ms: 1,
    }),
    label: answer("label", { id: "a", split: "train", utterances: { train: 1, holdout: 0 } }),
    forget: answer("forget", { removed: true }),
    learn: answer("learn", { head: "personal" }),
    status: answer("status", { device: null }),
    journal: answer("journal", []),
    report: answer("report", { sequence: 1 }),
  } as unknown as Agent;
  api = createLocalApi({ agent, tokens, log: (...line) => logged.push(JSON.stringify(line)) });
  port = Number(new URL(await listenLocally(api, 0)).port);
});
afterEach(() => api.close());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | undefined>;
  readonly body?: string | Buffer;
}

async function send({ method = "GET", path = "/v1/status", headers = {}, body }: Sent) {
  const all = {
    authorization: `Bearer ${token}`,
    "content-type": body === undefined ? undefined : "application/json",
    ...headers,
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return await new Promise<{ status: number; json: { error?: { code: string; message: string; remedy: string } } }>(
    (resolve, reject) => {
      const request = http.request(
        { host: "127.0.0.1", port, method, path, headers: given, agent: false },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(parts).toString()) }),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    },
  );
}

const predict = (body: unknown) => send({ method: "POST", path: "/v1/predictions", body: JSON.stringify(body) });

test("every route calls the agent with what was sent", async () => {
  await predict({ text: secret });
  await predict({ text: secret, id: "a" });
  await send({
    method: "PUT",
    path: "/v1/utterances/a-1_B",
    body: JSON.stringify({ text: secret, label: "joy", split: "holdout" }),
  });
  await send({ method: "DELETE", path: "/v1/utterances/a-1_B" });
  await send({ method: "POST", path: "/v1/learn" });
  await send({ method: "POST", path: "/v1/learn", body: '{"report":true}' });
  await send({ path: "/v1/status" });
  await send({ path: "/v1/journal?after=3&limit=10" });
  await send({ path: "/v1/journal" });
  await send({ method: "POST", path: "/v1/report" });
  expect(calls).toEqual([
    { method: "predict", input: { text: secret } },
    { method: "predict", input: { text: secret, id: "a" } },
    { method: "label", input: { id: "a-1_B", text: secret, label: "joy", split: "holdout" } },
    { method: "forget", input: "a-1_B" },
    { method: "learn", input: {} },
    { method: "learn", input: { report: true } },
    { method: "status", input: undefined },
    { method: "journal", input: { after: 3, limit: 10 } },
    { method: "journal", input: {} },
    { method: "report", input: undefined },
  ]);
});

test("without the right token nothing is answered", async () => {
  for (const authorization of [undefined, "Bearer ", "Bearer wrong", token, `Basic ${token}`, `Bearer ${token}x`]) {
    const { status, json } = await send({ headers: { authorization } });
    expect({ status, code: json.error?.code }).toEqual({ status: 401, code: "UNAUTHORIZED" });
  }
  expect(calls).toEqual([]);
});

test("the second token predicts, and any other call with it says which token is needed", async () => {
  const withSecond = (sent: Sent) => send({ ...sent, headers: { authorization: `Bearer ${tokens.predict}` } });
  const body = JSON.stringify({ text: secret });
  expect((await withSecond({ method: "POST", path: "/v1/predictions", body })).status).toBe(200);
  expect(calls).toEqual([{ method: "predict", input: { text: secret } }]);
  const others = Object.entries(localRoutes).filter(([call]) => call !== "predict");
  const paths: Sent[] = others.map(([, { method, path }]) => ({ method, path: path.replace(":id", "a") }));
  for (const sent of [...paths, { path: eventsPath }, { path: openApiPath }, { path: "/v1/predictions" }]) {
    const { status, json } = await withSecond(sent);
    expect({ status, code: json.error?.code, path: sent.path }).toEqual({
      status: 403,
      code: "FORBIDDEN",
      path: sent.path,
    });
    expect(json.error?.message).toContain("<home>/local-token");
  }
  expect(calls).toHaveLength(1);
});

test("a name that was rebound to 127.0.0.1 and a web page's request are refused, even with the token", async () => {
  for (const headers of [
    { host: "attacker.example" },
    { host: `attacker.example:${port}` },
    { host: "127.0.0.1:1" },
    { origin: "http://127.0.0.1:3000" },
    { origin: "null" },
  ]) {
    const { status, json } = await send({ headers });
    expect({ status, code: json.error?.code }).toEqual({ status: 403, code: "FORBIDDEN" });
  }
  expect((await send({ headers: { host: `localhost:${port}` } })).status).toBe(200);
});

test("bad input is refused by its field, and the reply holds nothing of what was said", async () => {
  const replies = [
    await send({ method: "POST", path: "/v1/predictions", body: `{"text": "${secret}"` }),
    await send({ method: "POST", path: "/v1/predictions", body: Buffer.from([0x22, 0xff, 0x22]) }),
    await predict({ text: "" }),
    await predict({ text: 12 }),
    await predict([secret]),
    await predict({ text: secret, mood: secret }),
    await predict({ text: secret, id: "no spaces allowed" }),
    await send({ method: "POST", path: "/v1/predictions" }),
    await send({ method: "POST", path: "/v1/predictions", body: secret, headers: { "content-type": "text/plain" } }),
    await send({ method: "PUT", path: "/v1/utterances/a", body: JSON.stringify({ text: secret, label: "Bliss!" }) }),
    await send({
      method: "PUT",
      path: "/v1/utterances/a",
      body: JSON.stringify({ text: secret, label: "joy", split: "test" }),
    }),
    await send({
      method: "PUT",
      path: `/v1/utterances/${"a".repeat(65)}`,
      body: JSON.stringify({ text: secret, label: "joy" }),
    }),
    await send({ path: "/v1/journal?after=soon" }),
    await send({ path: "/v1/journal?since=3" }),
  ];
  for (const { status, json } of replies) {
    expect({ status, code: json.error?.code }).toEqual({ status: 400, code: "INVALID_INPUT" });
    expect(JSON.stringify(json)).not.toContain("never told");
    expect(json.error?.remedy).not.toBe("");
  }
  expect(replies[9]?.json.error?.message).toContain("body.label must be 1 to 32 characters of a-z");
  expect(calls).toEqual([]);
});

const longest = "\u{1f600}".repeat(maxUtteranceCodePoints);
/** As Python's json writes it: the most bytes that a text can take. */
const escaped = (text: string) =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

test("the longest text is taken, escaped as a whole too, and one code point more is refused", async () => {
  const id = "a".repeat(64);
  const label = (text: string) =>
    send({ method: "PUT", path: `/v1/utterances/${id}`, body: escaped(JSON.stringify({ text, label: "joy" })) });
  expect((await predict({ text: longest, id })).status).toBe(200);
  expect((await label(longest)).status).toBe(200);
  expect(calls).toMatchObject([{ input: { text: longest } }, { input: { text: longest } }]);
  for (const reply of [await predict({ text: `${longest}a` }), await label(`${longest}a`)]) {
    expect(reply).toMatchObject({
      status: 400,
      json: { error: { code: "INVALID_INPUT", message: "body.text is longer than 8192 code points" } },
    });
  }
});

test("a body may have so many bytes, and one more is refused", async () => {
  const bodyOf = (sizeBytes: number) => '{"text":"a"}'.padEnd(sizeBytes);
  const post = (body: string) => send({ method: "POST", path: "/v1/predictions", body });
  expect((await post(bodyOf(maxRequestBytes))).status).toBe(200);
  const { status, json } = await post(bodyOf(maxRequestBytes + 1));
  expect({ status, code: json.error?.code }).toEqual({ status: 400, code: "INVALID_INPUT" });
  expect(json.error?.message).toBe(`the body is larger than ${maxRequestBytes} bytes`);
});

test("there are no other routes", async () => {
  const { status, json } = await send({ path: "/v1/utterances" });
  expect({ status, code: json.error?.code }).toEqual({ status: 404, code: "NOT_FOUND" });
});

test("the agent's own errors keep their code; a defect shows and logs its kind and place only", async () => {
  fail = new AppError("NO_RELEASE", "no release yet");
  expect((await predict({ text: secret })).json.error).toMatchObject({ code: "NO_RELEASE", message: "no release yet" });
  fail = new TypeError(`cannot read ${secret}`);
  const { status, json } = await predict({ text: secret });
  expect({ status, code: json.error?.code }).toEqual({ status: 500, code: "INTERNAL" });
  expect(JSON.stringify(json) + logged.join()).not.toContain("never told");
  expect(logged).toHaveLength(1);
  expect(logged[0]).toMatch(/TypeError.*local-api\.test\.ts:\d+/);
});

test("it listens on 127.0.0.1 only, and a port in use is named", async () => {
  expect(api.addresses().map((bound) => (typeof bound === "string" ? bound : bound.address))).toEqual(["127.0.0.1"]);
  const other = createLocalApi({ agent: {} as Agent, tokens, log: () => undefined });
  await expect(listenLocally(other, port)).rejects.toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringMatching(new RegExp(`${port} \\(ATTUNE_AGENT_PORT\\)`)),
  });
  await other.close();
});
