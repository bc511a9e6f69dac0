// The completion scripts of both programs, run by the shells that they are for.

import { spawnSync } from "node:child_process";
import { attuneAgent } from "@attune/edge-agent/node/cli/commands";
import type { AgentContext } from "@attune/edge-agent/node/cli/context";
import { perform } from "@attune/platform/cli/run";
import { expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import { describeUnlessLacking, lackOfCommands } from "../requirements.js";

async function scriptOf(program: string, shell: string): Promise<string> {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: () => {}, json: false, isTty: false };
  const open = () => ({ print: (_json: object, words: string) => io.stdout(words) }) as AgentContext;
  if (program === "attune") await performAttune(["completion", shell], io);
  else await perform(attuneAgent, ["completion", shell], { io, open });
  return lines.join("\n");
}

/** For each shell, a script that sources the completion and prints the words that Tab offers after "$@". */
const drivers = {
  bash: (script: string, program: string) => `${script}
    COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _${program.replaceAll("-", "_")}; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // zsh cannot list outside of its line editor, so the words that the script hands over are printed.
  zsh: (script: string, program: string) => `
    compdef() { : }
    compadd() { shift; print -rl -- "$@" }
    _describe() { print -rl -- "\${(@)offers%%:*}" }
    _files() { print -r -- "files $*" }
    ${script}
    words=("$@"); CURRENT=$#; PREFIX=\${words[-1]}
    _${program.replaceAll("-", "_")}`,
  fish: (script: string) => `${script}
    complete -C (string join ' ' -- $argv)`,
} as const;

const wanted: readonly (readonly [line: string, offered: readonly string[], notOffered: readonly string[]])[] = [
  ["attune dev", ["device"], []],
  ["attune device ", ["list", "revoke"], ["create", "device"]],
  ["attune device list --f", ["--fleet"], []],
  ["attune device list --fleet home --s", ["--server"], []],
  ["attune experiment --split ", ["dev", "test"], ["table1"]],
  ["attune experiment --data x table", ["table1", "table7"], ["dev"]],
  ["attune completion ", ["bash", "zsh", "fish"], []],
  ["attune-agent corr", ["correct"], []],
  ["attune-agent correct --split ", ["train", "holdout"], ["joy"]],
  ["attune-agent label --id a --split ", ["train", "holdout"], ["joy"]],
];

for (const shell of ["bash", "zsh", "fish"] as const) {
  describeUnlessLacking(`completion in ${shell}`, lackOfCommands(shell), () => {
    test.each(wanted)("%s<Tab>", async (line, offered, notOffered) => {
      const words = line.split(" ");
      const program = words[0] as string;
      const text = drivers[shell](await scriptOf(program, shell), program);
      const quiet = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] }[shell];
      const zeroth = shell === "fish" ? [] : [shell];
      const { stdout, stderr } = spawnSync(shell, [...quiet, "-c", text, ...zeroth, ...words], { encoding: "utf8" });
      const found = stdout.split("\n").map((one) => one.split("\t")[0]);
      expect({ stderr, found }).toEqual({ stderr: "", found: expect.arrayContaining([...offered]) });
      for (const word of notOffered) expect(found).not.toContain(word);
    });
  });
}
