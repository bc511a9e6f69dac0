import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeFault, faultFields } from "./fault.js";

test("a defect is reported by its kind and place, never by its message", () => {
  const error = new TypeError("cannot read 'I never told anybody'\nnot on a second line either");
  const said = [JSON.stringify(faultFields(error)), describeFault(error)].join();
  expect(said).not.toMatch(/never told|second line/);
  expect(describeFault(error)).toMatch(/^TypeError at fault\.test\.ts:\d+$/);
  expect(describeFault("just text")).toBe("string at unknown");
});

test("the operating system's errors keep their words", async () => {
  const error: unknown = await readFile("/does/not/exist").catch((cause: unknown) => cause);
  expect(describeFault(error)).toContain("ENOENT");
});
