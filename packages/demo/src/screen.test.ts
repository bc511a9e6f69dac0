import { expect, test } from "vitest";
import { auditInWords, createScreen, renderTable } from "./screen.js";

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
  personBits: 75.66,
  letters: 50,
  textBytesOut: 0,
};

test("the table aligns its columns and shows a dash where there is no number", () => {
  const lines = renderTable([result, { ...result, person: "Bo" }])
    .split("\n")
    .slice(0, 3);
  expect(new Set(lines.map((line) => [...line].length)).size).toBe(1);
  expect(lines[1]).toMatch(/^Maeve +150 +0\.412 +– +1\.23 ms +12345 +75\.7 \(50 letters\) +0$/);
});

test("below the table stands where F1 was computed, and that it does not leave", () => {
  expect(renderTable([result])).toMatch(/^F1 .* on this device; it does not leave\./m);
});

test("the end of a life says the audit's differences and the bits about the person", () => {
  const audit = { missing: [], extra: [], altered: [], personBits: { ever: 75.66, lastSlot: null } };
  expect(auditInWords({ ...audit, letters: { ever: 50, lastSlot: 0 } })).toBe(
    "done; audit: 0 differences, 75.7 bits about the person ever (50 letters)",
  );
  expect(auditInWords({ ...audit, missing: [{ epoch: "e", sequence: 1 }], letters: { ever: 1, lastSlot: 0 } })).toBe(
    "done; audit: 1 difference, 75.7 bits about the person ever (1 letter)",
  );
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
