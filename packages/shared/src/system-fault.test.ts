import { expect, test } from "vitest";
import { shortage, systemFault } from "./system-fault.js";

const refused = (code: string) => Object.assign(new Error(`${code}: refused, open '/secret/place'`), { code });

test.each([
  ["ENOSPC", "DISK_FULL"],
  ["EMFILE", "SYSTEM_LIMIT"],
  ["ENFILE", "SYSTEM_LIMIT"],
  ["EAGAIN", "SYSTEM_LIMIT"],
  ["EACCES", "INVALID_CONFIGURATION"],
])("%s is %s, in the system's own words", (name, code) => {
  expect(systemFault(refused(name))).toMatchObject({ code, message: expect.stringContaining("/secret/place") });
});

test("a client learns of a shortage its name and no path, and of a place that may not be used nothing", () => {
  expect(shortage(refused("EMFILE"))).toMatchObject({
    code: "SYSTEM_LIMIT",
    message: expect.stringContaining("EMFILE"),
  });
  expect(shortage(refused("ENOSPC"))?.message).not.toContain("/secret");
  expect(shortage(refused("EACCES"))).toBeUndefined();
});

test.each([undefined, null, "EMFILE", new TypeError("x"), refused("ENOENT")])(
  "%s is not the system's refusal",
  (error) => {
    expect(systemFault(error)).toBeUndefined();
    expect(shortage(error)).toBeUndefined();
  },
);
