// attune-agent journal: every message that left the device, word for word.

import type { JournalEntry } from "@attune/shared/contracts/audit";
import { AppError } from "@attune/shared/errors";
import { askAgent } from "./ask-agent.js";
import type { Command } from "./command.js";

export const journalCommand: Command = {
  name: "journal",
  summary: "list every message that has left the device",
  usage: "journal [--after INDEX] [--limit COUNT]",
  details: "Works without a running agent, too. Each line: index, kind, path, bytes, and the message itself.",
  optionHelp: [
    ["--after INDEX", "only entries after this one"],
    ["--limit COUNT", "at most so many (default 1000)"],
  ],
  examples: ["attune-agent journal", "attune-agent journal --after 41 --json"],
  options: { after: { type: "string" }, limit: { type: "string" } },
  maximumPositionals: 0,
  run: async (input) => {
    const after = wholeNumber("after", input.text("after"));
    const limit = wholeNumber("limit", input.text("limit"));
    const query = new URLSearchParams();
    if (after !== undefined) query.set("after", String(after));
    if (limit !== undefined) query.set("limit", String(limit));
    const { entries } = (await askAgent(input, {
      online: { method: "GET", path: `/v1/journal?${query}` },
      offline: async (agent) => ({ entries: await agent.journal({ after, limit }) }),
    })) as { entries: JournalEntry[] };
    input.print({ entries }, entries.length === 0 ? "nothing has left this device" : entries.map(inWords).join("\n"));
  },
};

function inWords({ index, type, path, sizeBytes, message }: JournalEntry): string {
  const fields = Object.entries(message).filter(([name]) => name !== "type" && name !== "contract");
  const text = fields.map(([name, value]) => `${name}=${value}`).join(" ");
  return `${String(index).padStart(5)} ${type.padEnd(14)} ${path.padEnd(5)} ${String(sizeBytes).padStart(5)} B  ${text}`;
}

function wholeNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new AppError("INVALID_INPUT", `--${name} must be a whole number`);
  return Number(value);
}
