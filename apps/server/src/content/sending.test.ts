import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { createSending } from "./sending.js";

function create() {
  let nowMs = 0;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const sending = createSending({ max: 2, slowAfterMs: 1_000, now: () => nowMs });
  const send = () => {
    const content = new Readable({ read: () => undefined });
    content.on("error", () => undefined);
    sending.takePlace().holdFor(content);
    return content;
  };
  return { sending, send, pass };
}

test("while all places are taken a further content is refused as one that may be asked for again", async () => {
  const { sending, send } = create();
  const first = send();
  send();
  expect(() => send()).toThrow(expect.objectContaining({ code: "TOO_MANY_REQUESTS", retryable: true }));
  first.destroy();
  await new Promise((resolve) => first.once("close", resolve));
  sending.takePlace().leave();
  send();
});

test("a content that is on its way for too long makes room, and only while places are wanted", () => {
  const { send, pass } = create();
  const slow = send();
  pass(500);
  const quick = send();
  pass(600);
  expect(slow.destroyed).toBe(false);
  const next = send();
  expect([slow, quick, next].map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
});

test("a place counts from when it is taken: those that still look at their content are not let in twice", () => {
  const { sending } = create();
  const places = [sending.takePlace(), sending.takePlace()];
  expect(() => sending.takePlace()).toThrow("as it can");
  for (const place of places) place.leave();
  sending.takePlace();
});
