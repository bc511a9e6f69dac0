import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createTextScanner } from "@attune/demo/text-scan";
import { entryCapacityBits } from "@attune/shared/contracts/audit";
import { demoContract } from "@attune/shared/contracts/egress";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { journalOf, sampleRows, startDemo, temporaryFolder, writePeople } from "./demo-process.js";

// Words that occur only in the utterances in which they are planted.
const canaries = ["zanzifel", "quorbitane", "mellovask", "tirrendole", "yaxumbria", "plinthorax"];

const resultSchema = z.strictObject({
  people: z.array(
    z.strictObject({
      person: z.string(),
      utterances: z.int(),
      f1Prior: z.number(),
      f1Personal: z.number(),
      predictP50Ms: z.number().positive(),
      predictP90Ms: z.number().positive(),
      trainMs: z.number().positive(),
      messages: z.int().positive(),
      personBits: z.number().positive(),
      letters: z.int().positive(),
      bytesOut: z.int().positive(),
      textBytesOut: z.int(),
    }),
  ),
  release: z.strictObject({ sequence: z.int(), model: z.string(), modelVersion: z.string() }),
  engine: z.string().min(1),
  wallMs: z.int(),
});

const home = temporaryFolder("e2e-home");
const data = temporaryFolder("e2e-people");
let run: { code: number | null; stdout: string; stderr: string };
let utterances: string[];

beforeAll(async () => {
  const plant = (split: "train" | "dev") =>
    sampleRows(split).map((row, index) =>
      index % 25 === 0 ? { ...row, text: `${row.text} ${canaries[(index / 25) % canaries.length]}` } : row,
    );
  const rows = { train: plant("train"), dev: plant("dev") };
  writePeople(data, rows);
  utterances = [...rows.train, ...rows.dev].map(({ text }) => text);
  run = await startDemo(["--data", data, "--home", home, "--json"]).ended;
});

/** Every file below the demo's directory, the border records among them. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("the demo on the sample people", () => {
  test("ends well and prints one JSON object of the promised form and nothing else", () => {
    expect(run.stderr.match(/^.*error .*$/gm)).toBeNull();
    expect(run.code).toBe(0);
    const result = resultSchema.parse(JSON.parse(run.stdout));
    expect(result.people.map(({ utterances: count }) => count)).toEqual([150, 150, 150, 150, 150, 150]);
  });

  test("tuning gains for at least five of the six", () => {
    const { people } = resultSchema.parse(JSON.parse(run.stdout));
    expect(people.filter(({ f1Prior, f1Personal }) => f1Personal > f1Prior).length).toBeGreaterThanOrEqual(5);
  });

  test("a slot's bits about the person leave at most once a slot, and only under the contract with the fast clock", async () => {
    for (const { person, personBits } of resultSchema.parse(JSON.parse(run.stdout)).people) {
      const entries = await journalOf(join(home, "agents", person.toLowerCase()));
      const reports = entries.filter(({ type }) => type.startsWith("report."));
      expect(new Set(reports.map(({ message }) => message.contract))).toEqual(new Set([demoContract]));
      const slots = reports.filter(({ type }) => type === "report.slot").map(({ message }) => message.slot);
      expect(slots).toEqual(slots.map((_, index) => index + 1));
      expect(slots.length).toBeGreaterThan(0);
      // 900 pairs of counts and "no block", beside the enrolment and the polls that came before the first release.
      const before = entries.filter(({ message }) => message.contract === 1);
      const beforeBits = before.reduce((bits, entry) => bits + entryCapacityBits(entry), 0);
      expect(personBits).toBeLessThanOrEqual(beforeBits + slots.length * Math.log2(901) + 1e-9);
    }
  });

  test("no byte of text is in what left, by the demo's own measure", () => {
    const { people } = resultSchema.parse(JSON.parse(run.stdout));
    expect(people.map(({ textBytesOut }) => textBytesOut)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("no utterance, four-word run or canary is in the captured bytes of all three paths", () => {
    const captures = filesBelow(join(home, "agents")).filter((path) => path.endsWith(".border"));
    expect(captures).toHaveLength(6);
    const scanner = createTextScanner(utterances, canaries);
    for (const path of captures) {
      const captured = readFileSync(path);
      // All three paths are in the capture: the poll, the download and the report.
      for (const trace of ["/trpc/device.enrol", "/trpc/device.poll", "GET /v1/chunks/", "PUB attune.v1.home."]) {
        expect(captured.includes(trace), trace).toBe(true);
      }
      expect(scanner.textBytes(captured)).toBe(0);
      for (const canary of canaries) {
        expect(captured.includes(canary)).toBe(false);
        expect(captured.toString("latin1").toLowerCase().includes(Buffer.from(canary).toString("hex"))).toBe(false);
      }
    }
  });

  test("no utterance is in a log, a file's name, or anything the server keeps", () => {
    const scanner = createTextScanner(utterances, canaries);
    const files = filesBelow(home);
    expect(scanner.textBytes(Buffer.from(files.join("\n")))).toBe(0);
    const kept = files.filter((path) => path.endsWith(".log") || path.startsWith(join(home, "server")));
    expect(kept.length).toBeGreaterThan(7);
    for (const path of kept) expect(scanner.textBytes(readFileSync(path)), path).toBe(0);
    expect(scanner.textBytes(Buffer.from(run.stderr))).toBe(0);
  });

  test("nothing an agent keeps on its disk holds an utterance in the clear", () => {
    const scanner = createTextScanner(utterances, canaries);
    for (const path of filesBelow(join(home, "agents"))) {
      expect(scanner.textBytes(readFileSync(path)), path).toBe(0);
    }
  });

  test("run again in the same directory it resumes there and ends with the same utterances", async () => {
    const again = await startDemo(["--data", data, "--home", home, "--json"]).ended;
    expect(again.code).toBe(0);
    const first = resultSchema.parse(JSON.parse(run.stdout)).people;
    const second = resultSchema.parse(JSON.parse(again.stdout)).people;
    expect(second.map(({ utterances: count, f1Prior, f1Personal }) => ({ count, f1Prior, f1Personal }))).toEqual(
      first.map(({ utterances: count, f1Prior, f1Personal }) => ({ count, f1Prior, f1Personal })),
    );
  });
});
