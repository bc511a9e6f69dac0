import { expect, test } from "vitest";
import { limitFault, requireOpenFiles } from "./system-limits.js";

test.each([
  ["FATAL:  insufficient file descriptors available to start server process", "ulimit -n"],
  ["accept4: too many open files", "ulimit -n"],
  ['could not resize shared memory segment "/PostgreSQL.1" to 1048576 bytes: No space left on device', "/dev/shm"],
  ["runtime: failed to create new OS thread (have 5 already; errno=11)", "ulimit -u"],
  ["could not fork autovacuum launcher process: Resource temporarily unavailable", "ulimit -u"],
])("%s is a limit", (text, remedy) => {
  const fault = limitFault("a program", text);
  expect(fault).toMatchObject({ code: "SYSTEM_LIMIT", message: expect.stringContaining(remedy) });
});

test("a full disk is no limit of these", () => {
  expect(limitFault("a program", 'could not write to file "base/1": No space left on device')).toBeUndefined();
});

test.each([
  ["64", true],
  ["255", true],
  ["256", false],
  ["1048576", false],
  ["unlimited", false],
])("a limit of %s open files is too low: %s", (limit, isTooLow) => {
  const limits = `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${limit}                 4096                 files\n`;
  const check = () => requireOpenFiles(limits);
  if (isTooLow) expect(check).toThrow(`may open ${limit} files`);
  else expect(check).not.toThrow();
});

test("a system that states no limits is let through", () => {
  expect(() => requireOpenFiles("")).not.toThrow();
});
