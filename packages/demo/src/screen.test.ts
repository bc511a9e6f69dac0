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
  textBytesOut: 0,
};

test("the table aligns its columns and shows a dash where there is no number", () => {
  const lines = renderTable([result, { ...result, person: "Bo" }]).split("\n");
  expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
  expect(lines[1]).toMatch(/^Maeve +150 +0\.412 +– +1\.23 ms +9 +12345 +0$/);
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
