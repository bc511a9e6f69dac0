// Parses `--columns text=Utterance,label=Emotion,speaker=Speaker` and `--labels happy=joy,mad=anger`, which
// describe a labelled dataset.

import { AppError } from "@attune/shared/errors";

export interface DatasetColumns {
  readonly text: string;
  readonly label: string;
  readonly speaker?: string;
}

export interface DatasetMapping {
  /** Absent without `--columns`: the columns are then called text, label and, optionally, speaker. */
  readonly columns?: DatasetColumns;
  /** The dataset's own names of labels, in lower case, and their new names. */
  readonly labels?: Readonly<Record<string, string>>;
}

export const maxNameLength = 64;

/** Whether a label or a speaker is short enough for a table and holds no control characters for a terminal. */
export function isName(name: string): boolean {
  return name !== "" && name.length <= maxNameLength && !/\p{C}/u.test(name);
}

const example = "text=Utterance,label=Emotion,speaker=Speaker";

/** Throws INVALID_INPUT naming the flag and its wrong part. */
export function parseMapping(flags: {
  readonly columns?: string | undefined;
  readonly labels?: string | undefined;
}): DatasetMapping {
  return {
    ...(flags.columns === undefined ? {} : { columns: parseColumns(flags.columns) }),
    ...(flags.labels === undefined ? {} : { labels: Object.fromEntries(parseLabels(flags.labels)) }),
  };
}

function parseColumns(given: string): DatasetColumns {
  const columns = parsePairs("columns", given, example);
  const unknown = [...columns.keys()].find((name) => !["text", "label", "speaker"].includes(name));
  if (unknown !== undefined) {
    throw new AppError("INVALID_INPUT", `--columns ${unknown}=… is not text, label or speaker; as in ${example}`);
  }
  const [text, label, speaker] = ["text", "label", "speaker"].map((name) => columns.get(name));
  if (text === undefined || label === undefined) {
    const missing = text === undefined ? "text" : "label";
    throw new AppError("INVALID_INPUT", `--columns: says nothing of ${missing}; as in ${example}`);
  }
  return { text, label, ...(speaker === undefined ? {} : { speaker }) };
}

/** Labels are read in lower case. */
function parseLabels(given: string): Map<string, string> {
  const labels = parsePairs("labels", given.toLowerCase(), "happy=joy,mad=anger");
  for (const [name, value] of labels) {
    if (isName(value)) continue;
    throw new AppError("INVALID_INPUT", `--labels ${name}=… is no name of at most ${maxNameLength} characters`);
  }
  return labels;
}

/** A name, `=`, a name. A name with a comma or an equals sign is in double quotes, with `""` for a quotation mark. */
const pair = /\s*(?:"((?:[^"]|"")+)"|([^",=][^,=]*))\s*=\s*(?:"((?:[^"]|"")+)"|([^",][^,]*))\s*(,|$)/y;

function parsePairs(flag: string, given: string, form: string): Map<string, string> {
  const pairs = new Map<string, string>();
  const unquoted = (quoted: string | undefined, bare = "") => (quoted?.replaceAll('""', '"') ?? bare).trim();
  for (let at = 0, isLast = false; !isLast; ) {
    pair.lastIndex = at;
    const match = pair.exec(given);
    const [whole, quotedName, bareName, quotedValue, bareValue, end] = match ?? [];
    const [name, value] = [unquoted(quotedName, bareName), unquoted(quotedValue, bareValue)];
    if (whole === undefined || name === "" || value === "") {
      throw new AppError(
        "INVALID_INPUT",
        `--${flag} ${given.slice(at).trim()}: expected name=name, with commas between, as in ${form}; put a name with a comma or equals sign in double quotes, as in text="Well, how was it?"`,
      );
    }
    if (pairs.has(name)) throw new AppError("INVALID_INPUT", `--${flag}: ${name} is there twice; give it once`);
    pairs.set(name, value);
    at += whole.length;
    isLast = end === "";
  }
  return pairs;
}

/** The pairs as a shell takes them and `parseMapping` reads them back. */
export function pairsText(pairs: Readonly<Record<string, string>>): string {
  const quoted = (name: string) => (/[",=]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
  const text = Object.entries(pairs)
    .map(([name, value]) => `${quoted(name)}=${quoted(value)}`)
    .join(",");
  return /["$`\\!]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `"${text}"`;
}
