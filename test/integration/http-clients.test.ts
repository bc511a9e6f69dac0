// The HTTP clients of the daemon and of a browser meet the same server, which is slow, cut off, silent or too generous.

import type { IncomingMessage, ServerResponse } from "node:http";
import { createHttpClient } from "@attune/edge-agent/node/http-client";
import { httpCases, idleTimeoutMs } from "@attune/fakes/conformance/http-cases";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tryHttp } from "../browser/try-http.js";
import { describeUnlessLacking } from "../requirements.js";
import { launchChromium, servePage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

const seen: IncomingMessage[] = [];

const replies: Record<string, (response: ServerResponse, request: IncomingMessage) => void> = {
  whole: (response) => response.end("whole"),
  range: (response, { headers }) => response.writeHead(206, { "content-range": "bytes 4-11/12" }).end(headers.range),
  absent: (response) => response.writeHead(404).end("absent"),
  empty: (response) => response.writeHead(204).end(),
  slow(response) {
    const letters = [..."abcdefgh"];
    const timer = setInterval(() => {
      response.write(letters.shift());
      if (letters.length === 0) response.end(() => clearInterval(timer));
    }, idleTimeoutMs / 6);
  },
  cut(response) {
    response.writeHead(200, { "content-length": "100" });
    response.write("only this", () => response.destroy());
  },
  "cut-chunks": (response) => response.write("only this", () => response.destroy()),
  long: (response) => response.end("long".repeat(1_000)),
  silent: () => undefined,
  stalled: (response) => response.write("a"),
  reset: (response) => response.destroy(),
  redirect: (response) => response.writeHead(302, { location: "/reply/target" }).end(),
  target: (response) => response.end("target"),
};

let served: Awaited<ReturnType<typeof servePage>>;
beforeAll(async () => {
  served = await servePage("conformance", {
    answer(request, response) {
      const reply = replies[/^\/reply\/([a-z-]+)$/.exec(request.url ?? "")?.[1] ?? ""];
      if (reply === undefined) return false;
      seen.push(request);
      reply(response, request);
      return true;
    },
  });
});
afterAll(() => served?.close());

describe("Node's HTTP client", () => {
  const client = createHttpClient({ idleTimeoutMs, keepAlive: true });
  afterAll(() => client.close());

  test.each(httpCases)("meets $path", async ({ expected, ...given }) => {
    expect(await tryHttp(client, served.url, given)).toEqual(expected);
  });
});

describeUnlessLacking("a browser's HTTP client", await lackOfChromium(), () => {
  let page: Page;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const launched = await launchChromium();
    close = launched.close;
    await launched.context.addCookies([{ name: "session", value: "secret", url: served.url }]);
    page = await launched.context.newPage();
    await page.goto(served.url);
  });
  afterAll(() => close?.());

  const attempt = (given: { readonly path: string }) =>
    page.evaluate((request) => globalThis.conformance.obey(1, { kind: "http", request }), given);

  test.each(httpCases)("meets $path", async ({ expected, ...given }) => {
    expect(await attempt(given)).toEqual(expected);
  });

  test("follows no redirect, reaches no other origin, and sends no cookie and no referrer", async () => {
    seen.length = 0;
    expect(await attempt({ path: "/reply/redirect" })).toEqual({ fault: "SERVER_UNAVAILABLE" });
    expect(await attempt({ path: served.url.replace("127.0.0.1", "localhost") })).toEqual({
      fault: "SERVER_UNAVAILABLE",
    });
    expect(await attempt({ path: "/reply/whole" })).toMatchObject({ status: 200 });
    expect(seen.map(({ url }) => url)).toEqual(["/reply/redirect", "/reply/whole"]);
    const names = seen.flatMap(({ headers }) => Object.keys(headers));
    expect(names).not.toContain("cookie");
    expect(names).not.toContain("referer");
  });
});
