// Checks the files that operators install.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assertUnderstood, commandLinesIn } from "./command-lines.js";
import { read, root } from "./tree.js";

/** Each directive with its values, by section. systemd ignores a directive that stands in another section. */
function sectionsOf(unit: string): Record<string, Record<string, string[]>> {
  const sections: Record<string, Record<string, string[]>> = {};
  let directives: Record<string, string[]> = {};
  for (const line of unit.split("\n")) {
    const [, section] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (section !== undefined) directives = sections[section] = {};
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) directives[name] = [...(directives[name] ?? []), value];
  }
  return sections;
}

const { Service: service = {} } = sectionsOf(read("infra/systemd/attune-agent.service"));

test("the agent's service starts a command of this tree with options that the command takes", () => {
  const [start = ""] = service.ExecStart ?? [];
  const [, program = "", words = ""] = /^\/usr\/bin\/node \/opt\/attune\/(\S+)(.*)$/.exec(start) ?? [];
  expect(existsSync(join(root, program))).toBe(true);
  const lines = commandLinesIn(`${/([\w-]+)\.js$/.exec(program)?.[1]}${words}`);
  expect(lines).toHaveLength(1);
  for (const line of lines) assertUnderstood(line);
});

test("the agent's service may write no memory to the disk: neither a core dump nor swap", () => {
  expect([service.LimitCORE, service.MemorySwapMax]).toEqual([["0"], ["0"]]);
});

test("the agent's service allows one set of system calls, and only takes calls away from the set", () => {
  const [allowed, ...taken] = service.SystemCallFilter ?? [];
  expect(allowed).toBe("@system-service");
  expect(taken).toContain("~@privileged");
  expect(taken.filter((set) => !set.startsWith("~"))).toEqual([]);
  // Without this line a program of another architecture makes calls that the filter does not know.
  expect(service.SystemCallArchitectures).toEqual(["native"]);
});

test("the agent's files belong to the agent alone", () => {
  const modes = [...(service.UMask ?? []), ...(service.StateDirectoryMode ?? [])].map((mode) =>
    Number.parseInt(mode, 8),
  );
  const [mask, directory] = modes as [number, number];
  expect([0o777 & ~mask & 0o077, directory & 0o077]).toEqual([0, 0]);
});
