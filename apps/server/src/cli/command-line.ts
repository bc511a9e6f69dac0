// What the commands that talk to a server have in common: flags, the way to the server, durations and tables.
import { AppError } from "@attune/shared/errors";
import { readEnv } from "../env.js";
import { findServer, type ServerAccess } from "./client/fleet-client.js";
import { readFlags } from "./flags.js";

type Options = Readonly<Record<string, { readonly type: "string" | "boolean" }>>;

export interface Flags<O extends Options> {
  readonly values: { readonly [name in keyof O]?: O[name]["type"] extends "string" ? string : boolean };
  readonly positionals: readonly string[];
}

/** The way to the server: flags that all of these commands take. */
export const serverOptions = {
  server: { type: "string" },
  "admin-token-file": { type: "string" },
  home: { type: "string" },
  json: { type: "boolean" },
} as const satisfies Options;

export const serverOptionsHelp = `  --server URL             the server's address (default: the one that runs in ATTUNE_HOME)
  --admin-token-file FILE  where its admin token is (default: ATTUNE_HOME/server/admin-token)
  --home DIR               instead of ATTUNE_HOME
  --json                   print one JSON object`;

/** The flags of `command`, those of the way to the server included; an unknown one is refused by name. */
export function parseFlags<O extends Options>(
  command: string,
  argv: string[],
  options: O,
): Flags<O & typeof serverOptions> {
  const config = { args: argv, options: { ...serverOptions, ...options }, allowPositionals: true };
  return readFlags(command, config) as unknown as Flags<O & typeof serverOptions>;
}

export async function accessOf(values: {
  readonly server?: string | undefined;
  readonly "admin-token-file"?: string | undefined;
  readonly home?: string | undefined;
}): Promise<ServerAccess> {
  return findServer({
    home: values.home ?? readEnv().home,
    server: values.server,
    adminTokenFile: values["admin-token-file"],
  });
}

/** The value, or INVALID_INPUT naming what is missing. */
export function required(value: string | undefined, name: string, meaning: string): string {
  if (value === undefined || value === "") throw new AppError("INVALID_INPUT", `${name} is missing: ${meaning}`);
  return value;
}

export function parseCount(value: string, name: string, maximum = Number.MAX_SAFE_INTEGER): number {
  const count = Number(value);
  if (!/^\d+$/.test(value) || count < 1 || count > maximum) {
    throw new AppError("INVALID_INPUT", `${name} ${value}: is not a whole number from 1 to ${maximum}`);
  }
  return count;
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "15m", "1h", "7d". */
export function parseDuration(value: string, name: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(value);
  const unit = unitsMs[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw new AppError("INVALID_INPUT", `${name} ${value}: is not a duration such as 90s, 15m, 1h or 7d`);
  }
  return Number(match[1]) * unit;
}

/** Columns as wide as their widest cell; numbers to the right. */
export function renderTable(rows: readonly Readonly<Record<string, string | number | null>>[]): string[] {
  const [first] = rows;
  if (first === undefined) return ["(none)"];
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => (row[name] === null ? "–" : String(row[name]))));
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (texts: readonly string[], right: (i: number) => boolean) =>
    texts
      .map((text, i) => (right(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  const isNumber = (i: number) => rows.every((row) => typeof row[names[i] ?? ""] !== "string");
  return [line(names, isNumber), ...cells.map((row) => line(row, isNumber))];
}

/** Throws INVALID_INPUT where more arguments came than `usage` has: a name of two words without quotes, or a flag without dashes. */
export function refuseMore(positionals: readonly string[], maximum: number, usage: string): void {
  const extra = positionals[maximum];
  if (extra === undefined) return;
  throw new AppError("INVALID_INPUT", `"${extra}" is one argument too many; usage: attune ${usage} [options]`);
}

/** Runs the action that the first argument names, of actions keyed as help shows them ("create NAME"); refuses any other, and arguments that it does not take. */
export function chooseAction<T>(
  command: string,
  positionals: readonly string[],
  actions: Readonly<Record<string, () => Promise<T>>>,
): Promise<T> {
  const [wanted] = positionals;
  const chosen = Object.entries(actions).find(([form]) => form.split(" ")[0] === wanted);
  if (chosen === undefined) {
    const known = Object.keys(actions).map((form) => form.split(" ")[0]);
    throw new AppError(
      "INVALID_INPUT",
      `attune ${command}: say what to do: ${known.join(", ")}; see attune ${command} --help`,
    );
  }
  const [form, run] = chosen;
  refuseMore(positionals, form.split(" ").length, `${command} ${form}`);
  return run();
}
