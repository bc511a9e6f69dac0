import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withFault } from "@attune/fakes/failing-disk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isPresent, isPresentSync } from "./presence.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-presence-"));
  writeFileSync(join(folder, "file"), "");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([
  ["at once", async (path: string) => isPresentSync(path)],
  ["in its turn", isPresent],
])("asked %s, a path", (_, ask) => {
  test("is present where it exists, and absent beside or beyond a file", async () => {
    expect(await ask(join(folder, "file"))).toBe(true);
    expect(await ask(folder)).toBe(true);
    expect(await ask(join(folder, "other"))).toBe(false);
    expect(await ask(join(folder, "file", "beyond"))).toBe(false);
  });

  test("is neither where the disk cannot be read: the fault names it", async () => {
    const path = join(folder, "file");
    const { error } = await withFault({ root: folder, fault: "EIO", at: 1 }, () => ask(path));
    expect(error).toMatchObject({ code: "DISK_FAILED", message: expect.stringContaining(path) });
  });

  test("is neither where the system refuses to look", async () => {
    symlinkSync("loop", join(folder, "loop"));
    await expect(ask(join(folder, "loop"))).rejects.toMatchObject({ code: "ELOOP" });
  });
});
