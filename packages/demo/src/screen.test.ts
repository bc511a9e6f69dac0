import { expect, test } from "vitest";
import { createScreen, renderTable } from "./screen.js";

const result = {
  person: "Maeve",
  utterances: 150,
  f1Prior: 0.4123,
  f1Personal: null,
  predictP50Ms: 1.234,
  predictP90Ms: 2,
  trainMs: 12,
  messages: 9,
  bytesOut: 12_345,
  personBits: 23.63,
  textBytesOut: 0,
};

test("the table aligns its columns, shows a dash where there is no number, and says where its numbers are from", () => {
  const [head, ...rest] = renderTable([result, { ...result, person: "Bo" }]).split("\n");
  const rows = rest.slice(0, 2);
  expect(new Set([head, ...rows].map((line) => [...line!].length)).size).toBe(1);
  expect(rows[0]).toMatch(/^Maeve +150 +0\.412 +– +1\.23 ms +12345 +23\.6 \(16 letters\) +0$/);
  expect(rest[2]).toBe("");
  expect(rest.slice(3).join(" ")).toMatch(/F1 .* read on the device\. .* sums the bits about the person/);
});

test("outside a terminal progress is plain lines, now and then, without control characters", () => {
  let written = "";
  const screen = createScreen((text) => {
    written += text;
  }, false);
  for (let done = 1; done <= 50; done++) {
    screen.progress("Maeve", { done, total: 50, predicted: "joy", corrected: "anger", head: "prior" });
  }
  screen.done("Maeve", "lived");
  expect(written.split("\n").length).toBeLessThan(5);
  expect(written).not.toContain("\u001b");
  expect(written).toContain("joy → anger");
});
