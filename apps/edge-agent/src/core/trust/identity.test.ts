import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { testTrustedKeys } from "@attune/fakes/tiny-release";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { pinnedRoot } from "@attune/shared/trust/root";
import { expect, test } from "vitest";
import { putEnrolled, readEnrolled } from "./identity.js";
import { readRoot } from "./trust-records.js";

const who = { device: "d".repeat(32), fleet: "home", tokenSha256: "5".repeat(64) };
const enrolled = { identity: { version: 2, ...who }, root: pinnedRoot(testTrustedKeys) } as const;

/** A store whose identity has the first form, with the keys inside. */
function createEarlierStore() {
  const faults = createFaults();
  const store = createMemoryStore(faults);
  store.contents.set("identity", canonicalBytes({ version: 1, ...who, releaseKeys: testTrustedKeys }));
  return { faults, store };
}

test("nobody is known before enrolment", async () => {
  expect(await readEnrolled(createMemoryStore(createFaults()))).toBeUndefined();
});

test("an enrolment is read back as it was written", async () => {
  const store = createMemoryStore(createFaults());
  await store.batch(putEnrolled(enrolled));
  expect(await readEnrolled(store)).toEqual(enrolled);
});

test("the keys in an identity of the first form move to their own record, once", async () => {
  const { faults, store } = createEarlierStore();
  expect(await readEnrolled(store)).toEqual(enrolled);
  expect(await readRoot(store)).toEqual(enrolled.root);
  expect(new TextDecoder().decode(store.contents.get("identity"))).not.toContain("releaseKeys");
  const { steps } = faults;
  expect(await readEnrolled(store)).toEqual(enrolled);
  expect(faults.steps).toBe(steps);
});

test.each(["before", "after"] as const)("a death just %s the move loses no key", async (when) => {
  const { faults, store } = createEarlierStore();
  faults.killAt(1, when);
  await expect(readEnrolled(store)).rejects.toThrow("killed");
  faults.revive();
  expect(store.contents.has("root")).toBe(when === "after");
  expect(await readEnrolled(store)).toEqual(enrolled);
});

test("an identity whose keys are gone is damage, and no device without trust", async () => {
  const store = createMemoryStore(createFaults());
  await store.batch(putEnrolled(enrolled));
  store.contents.delete("root");
  await expect(readEnrolled(store)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});
