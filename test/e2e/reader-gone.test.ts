import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sampleRows, startDemo, temporaryFolder, writePeople } from "./demo-process.js";

/** Processes that were started with `home` in their arguments or environment. */
function processesOf(home: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return ["cmdline", "environ"].some((file) => readFileSync(`/proc/${pid}/${file}`, "utf8").includes(home));
    } catch {
      // The process is gone by now, or belongs to another user.
      return false;
    }
  });
}

test("a demo that nobody reads any more (`| head`) runs to its end, says so by its exit code, and leaves no process", async () => {
  const [home, data] = [temporaryFolder("unread-home"), temporaryFolder("unread-people")];
  const ofMaeve = (split: "train" | "dev", count: number) =>
    sampleRows(split)
      .filter(({ speaker }) => speaker === "Maeve")
      .slice(0, count);
  writePeople(data, { train: ofMaeve("train", 55), dev: ofMaeve("dev", 10) });
  const { child, ended } = startDemo(["--data", data, "--people", "1", "--home", home]);
  child.stderr?.once("data", () => {
    child.stderr?.destroy();
    child.stdout?.destroy();
  });
  // 128 + SIGPIPE: the table was lost.
  expect((await ended).code).toBe(141);
  expect(processesOf(home)).toEqual([]);
});
