import { expect, test } from "vitest";
import { limitFault } from "./system-limits.js";

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
