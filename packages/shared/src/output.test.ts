import { describe, expect, test } from "vitest";
import { createLogLines, openOutput } from "./output.js";

/** A destination that can fill up, close and stand still, as files and pipes do. */
function place() {
  const state = { text: "", fault: undefined as string | undefined, writableLength: 0 };
  return {
    ...state,
    state,
    get writableLength() {
      return state.writableLength;
    },
    write(text: string, done?: (error?: Error | null) => void) {
      if (state.fault === undefined || text === "") {
        state.text += text;
        done?.();
      } else done?.(Object.assign(new Error(state.fault), { code: state.fault }));
    },
  };
}

describe("the lines of a log", () => {
  const line = (event: string) => `${JSON.stringify({ event })}\n`;

  test("are dropped while there is no room, and the next one says how many were", () => {
    const log = place();
    const write = createLogLines(log, () => 0);
    write(line("a"));
    log.state.fault = "ENOSPC";
    for (const event of ["b", "c", "d"]) write(line(event));
    log.state.fault = undefined;
    write(line("e"));
    write(line("f"));
    const read = log.state.text.split("\n").filter((text) => text !== "");
    expect(read.map((text) => JSON.parse(text))).toEqual([
      { event: "a" },
      { time: "1970-01-01T00:00:00.000Z", level: "warn", event: "log.dropped", lines: 3 },
      { event: "e" },
      { event: "f" },
    ]);
  });

  test("do not pile up before a reader that stands still", () => {
    const log = place();
    const write = createLogLines(log, () => 0);
    log.state.writableLength = 2 ** 21;
    write(line("a"));
    expect(log.state.text).toBe("");
    log.state.writableLength = 0;
    write(line("b"));
    expect(log.state.text).toContain('"lines":1');
    expect(log.state.text).toContain('"event":"b"');
  });
});

describe("a command's result", () => {
  test.each([0, 3])("that was written leaves the exit code %i as it is", async (code) => {
    const [stdout, stderr] = [place(), place()];
    const output = openOutput({ stdout, stderr });
    output.stdout("result\n");
    expect(await output.settle(code)).toBe(code);
    expect(stdout.state.text).toBe("result\n");
    expect(stderr.state.text).toBe("");
  });

  test("that found no room is an error, said once, with what to do", async () => {
    const [stdout, stderr] = [place(), place()];
    stdout.state.fault = "ENOSPC";
    const output = openOutput({ stdout, stderr });
    output.stdout("one\n");
    output.stdout("two\n");
    expect(stderr.state.text).toMatch(
      /^error DISK_FULL: standard output cannot be written \(ENOSPC\)\nwhat to do: .*\n$/,
    );
    expect(await output.settle(0)).toBe(1);
  });

  test("whose reader has seen enough is not complained about", async () => {
    const [stdout, stderr] = [place(), place()];
    stdout.state.fault = "EPIPE";
    const output = openOutput({ stdout, stderr });
    output.stdout("one\n");
    expect(await output.settle(0)).toBe(141);
    expect(stderr.state.text).toBe("");
  });
});
