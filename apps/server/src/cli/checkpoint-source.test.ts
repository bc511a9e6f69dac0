import { describe, expect, it } from "vitest";
import { createDownloadLine } from "./checkpoint-source.js";

/** The output for a file of 100 MB, with so many megabytes at each second. */
function written(isTty: boolean, steps: [seconds: number, megabytes: number][], name = "model.safetensors"): string {
  let text = "";
  let nowMs = 0;
  const line = createDownloadLine({ write: (part) => (text += part), isTty, nowMs: () => nowMs });
  for (const [seconds, megabytes] of steps) {
    nowMs = seconds * 1000;
    line.show({ name, doneBytes: megabytes * 1e6, totalBytes: 100e6 });
  }
  line.end();
  return text;
}

describe("the line of a download", () => {
  it("tells how far it is and how long it will take, and ends with the file", () => {
    const steps: [number, number][] = [
      [1, 0],
      [11, 10],
      [21, 50],
      [30, 100],
    ];
    expect(written(false, steps)).toBe(
      [
        "model.safetensors: 0% of 100.0 MB",
        "model.safetensors: 10% of 100.0 MB · 1 min 30 s left",
        "model.safetensors: 50% of 100.0 MB · 20 s left",
        "model.safetensors: 100% of 100.0 MB\n",
      ].join("\n"),
    );
  });

  it("counts the time from the bytes that an earlier run brought", () => {
    const steps: [number, number][] = [
      [0, 80],
      [10, 90],
    ];
    expect(written(false, steps)).toContain("90% of 100.0 MB · 10 s left");
  });

  it("on a terminal is one line, ended also where the download breaks off", () => {
    const steps: [number, number][] = [
      [0, 10],
      [1, 20],
    ];
    expect(written(true, steps)).toBe(
      "\r\x1b[2Kmodel.safetensors: 10% of 100.0 MB\r\x1b[2Kmodel.safetensors: 20% of 100.0 MB · 8 s left\n",
    );
  });
});
