// `attune start` as a person runs it: the program stays up until Ctrl-C.

import { rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { sampleRows, startDemo, temporaryFolder, writePeople } from "./demo-process.js";

test("start shows as many agents as --people says, of --data, in --home, stays up, and ends at Ctrl-C", async () => {
  const [home, data] = [temporaryFolder("start-home"), temporaryFolder("start-people")];
  const of = (split: "train" | "dev", count: number) =>
    ["Maeve", "Dez"].flatMap((name) =>
      sampleRows(split)
        .filter(({ speaker }) => speaker === name)
        .slice(0, count),
    );
  writePeople(data, { train: of("train", 30), dev: of("dev", 8) });
  const free = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const { child, ended } = startDemo(["--data", data, "--people", "1", "--home", home, "--json"], free, "start");
  onTestFinished(() => {
    child.kill("SIGKILL");
    for (const folder of [home, data]) rmSync(folder, { recursive: true, force: true });
  });
  const printed = await new Promise<string>((resolve) => {
    let text = "";
    child.stdout!.on("data", (bytes) => {
      text += bytes;
      if (text.endsWith("\n")) resolve(text);
    });
    void ended.then(({ stderr }) => resolve(stderr));
  });
  expect(JSON.parse(printed).people).toEqual([expect.objectContaining({ textBytesOut: 0 })]);
  expect(child.exitCode).toBeNull();
  // The signal comes twice, as under npm: from the terminal, and passed on.
  const stopping = new Promise<void>((resolve) => {
    child.stderr!.on("data", (bytes) => String(bytes).includes("Stopping") && resolve());
  });
  child.kill("SIGINT");
  await stopping;
  child.kill("SIGINT");
  const { code, stdout } = await ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: printed });
});
