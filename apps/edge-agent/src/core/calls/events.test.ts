import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import type { AgentEvent, Events } from "@attune/shared/contracts/local-events";
import { afterEach, beforeEach, expect, test } from "vitest";

let device: Device;
let stop: () => Promise<void>;
const { signal } = new AbortController();
beforeEach(async () => {
  device = createDevice();
  device.fleet.publish(createTinyRelease());
  await device.enrol();
  stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
});
afterEach(() => stop());

/** Asks until an event of the type came, and returns all events so far with the place after them. */
async function until(type: AgentEvent["type"], next: Partial<Events["next"]>) {
  const events: AgentEvent[] = [];
  let after: Partial<Events["next"]> = next;
  while (!events.some((event) => event.type === type)) {
    const asked = device.agent.events({ after }, signal);
    let answered = false;
    void asked.then(() => {
      answered = true;
    });
    await device.clock.until(async () => answered);
    const found = await asked;
    events.push(...found.events);
    after = found.next;
  }
  return { events, next: after as Events["next"] };
}

test("the present state comes first, and nothing that was", async () => {
  const { events } = await device.agent.events({}, signal);
  expect(events).toMatchObject([{ type: "state", state: { updateState: "committed", release: { sequence: 1 } } }]);
});

test("a label, a refit and a forgetting are each reported once, without text and name", async () => {
  let { next } = await device.agent.events({}, signal);
  const kinds: string[] = [];
  await device.agent.label({ id: "secret-name", text: "so happy", label: "joy" });
  await device.agent.learn();
  await device.agent.forget("secret-name");
  const found = await until("lesson", next);
  for (const event of found.events) if (event.type === "lesson") kinds.push(event.lesson.kind);
  expect(kinds.filter((kind) => kind !== "refit")).toEqual(["learned", "forgotten"]);
  expect(kinds).toContain("refit");
  expect(JSON.stringify(found.events)).not.toMatch(/secret-name|so happy/);
  next = found.next;
  await device.agent.label({ id: "b", text: "so mad", label: "anger" });
  const more = await until("lesson", next);
  expect(more.events.filter(({ type }) => type === "lesson")).toHaveLength(1);
});

test("each message that leaves is reported once, from the place that is asked for", async () => {
  const journal = await device.agent.journal();
  const { events, next } = await device.agent.events({ after: { journal: 0 } }, signal);
  expect(events.flatMap((event) => (event.type === "journal" ? [event.entry] : []))).toEqual(journal.slice(1));
  expect(next.journal).toBe(journal.length - 1);
  const polled = await until("journal", next);
  const [first] = polled.events.flatMap((event) => (event.type === "journal" ? [event.entry] : []));
  expect(first?.index).toBe(journal.length);
});

test("a place beyond the end of the journal counts as its end", async () => {
  const { length } = await device.agent.journal();
  const { events } = await until("journal", { journal: 10_000 });
  expect(events.find(({ type }) => type === "journal")).toMatchObject({ entry: { index: length } });
});

test("one who waits is answered without events when the wait is given up", async () => {
  const { next } = await device.agent.events({}, signal);
  await stop();
  const giveUp = new AbortController();
  const asked = device.agent.events({ after: { ...next, state: 99 } }, giveUp.signal);
  giveUp.abort();
  const { events } = await asked;
  expect(events.filter(({ type }) => type !== "state")).toEqual([]);
});

test("one far behind gets the latest hundred lessons, and the sum in the state", async () => {
  const { next } = await device.agent.events({}, signal);
  for (const said of sayings(130, 1)) await device.agent.label({ ...said, split: "train" });
  const { events } = await device.agent.events({ after: next }, signal);
  const lessons = events.flatMap((event) => (event.type === "lesson" ? [event.lesson] : []));
  expect(lessons).toHaveLength(100);
  expect(lessons.at(-1)?.utterances.train).toBe(130);
  expect(events[0]).toMatchObject({ type: "state", state: { utterances: { train: 130 } } });
});

test("a place of another form is INVALID_INPUT", async () => {
  await expect(device.agent.events({ after: { journal: -2 } }, signal)).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
});
