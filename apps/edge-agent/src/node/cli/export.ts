// attune-agent export and import: the diary in one encrypted file.

import { readFile } from "node:fs/promises";
import type { Body } from "@attune/platform/cli/declaration";
import { counted } from "@attune/platform/counted";
import { isMissing, namingDiskFaults } from "@attune/platform/disk-fault";
import { writeFileDurably } from "@attune/platform/durable-file";
import { isPresent } from "@attune/platform/presence";
import type { DiaryCopy } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { AskableAgent } from "../../core/agent-api.js";
import { newPassphrase, openDiary, sealDiary } from "../diary-file.js";
import { daemonAgent } from "../local-client.js";
import type { AgentContext, AgentIo } from "./context.js";
import type { exportDiary as exportDeclaration, importDiary as importDeclaration } from "./declarations.js";
import { readAll } from "./utterance-input.js";

const pageSize = 200;
const minPassphraseCharacters = 12;

export const exportDiary: Body<typeof exportDeclaration, AgentContext> = async (
  { values, arguments: [path] },
  { paths, stdin, print },
) => {
  if (await isPresent(path)) throw new AppError("CONFLICT", `${path} exists already; name another file`);
  const given = await readPassphrase(values["passphrase-file"], stdin);
  const passphrase = given ?? newPassphrase();
  const entries = await readCopies(daemonAgent(paths));
  await writeFileDurably(path, await sealDiary(entries, passphrase), { mode: 0o600 });
  const made = given === undefined ? { passphrase } : {};
  const keep = given === undefined ? `\nIts passphrase, shown only now: ${passphrase}` : "";
  print({ file: path, entries: entries.length, ...made }, `${counted(entries.length, "entry")} in ${path}${keep}`);
};

export const importDiary: Body<typeof importDeclaration, AgentContext> = async (
  { values, arguments: [path] },
  { paths, stdin, print },
) => {
  const passphrase = await readPassphrase(values["passphrase-file"], stdin);
  if (passphrase === undefined) throw new AppError("INVALID_INPUT", "--passphrase-file is needed to open the file");
  const entries = await openDiary(await readBytes(path), passphrase, path);
  const counts = { added: 0, present: 0, forgotten: 0 };
  const agent = daemonAgent(paths);
  for (const entry of entries) counts[(await agent.importEntry(entry)).outcome]++;
  const { added, present, forgotten } = counts;
  print(counts, `${added} added, ${present} here already, ${forgotten} forgotten here and left out`);
};

async function readCopies(agent: Pick<AskableAgent, "exportEntries">): Promise<DiaryCopy[]> {
  const all: DiaryCopy[] = [];
  for (let more = true; more; ) {
    const last = all.at(-1);
    const page = await agent.exportEntries({ limit: pageSize, ...(last && { after: last.id }) });
    all.push(...page.entries);
    more = page.more;
  }
  return all;
}

async function readPassphrase(file: string | undefined, stdin: AgentIo["stdin"]): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = file === "-" ? await readAll(stdin) : new TextDecoder().decode(await readBytes(file));
  const passphrase = text.replace(/\r?\n$/, "");
  if ([...passphrase].length >= minPassphraseCharacters) return passphrase;
  throw new AppError("INVALID_INPUT", `the passphrase has fewer than ${minPassphraseCharacters} characters`);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await namingDiskFaults(path, () => readFile(path));
  } catch (cause) {
    if (isMissing(cause)) throw new AppError("INVALID_INPUT", `there is no file ${path}`, { cause });
    throw cause;
  }
}
