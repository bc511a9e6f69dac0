// Turns the words of a command line into the values that a declaration promises. A refusal names
// its option or argument.

import { AppError } from "@attune/shared/errors";
import type { ArgumentDeclaration, Declaration, OptionDeclaration, UncheckedInput } from "./declaration.js";

interface Words {
  readonly options: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
}

interface ReadingRules {
  /** Whether an error may repeat the typed words. */
  readonly quotes: boolean;
  /** The end of every error, which names the place of the rules. */
  readonly advice: string;
}

export function readInput(declaration: Declaration, words: Words, rules: ReadingRules): UncheckedInput {
  const read = (declaration.arguments ?? []).map((argument, index) => {
    const own = argument.variadic ? words.arguments.slice(index) : words.arguments.slice(index, index + 1);
    if (own.length === 0 && !argument.optional) throw missing(argument.name, argument, rules);
    const values = own.map((text) => readValue({ name: argument.name, declared: argument }, text, rules));
    return argument.variadic ? values : values[0];
  });
  const options = Object.entries(declaration.options ?? {});
  const values = options.map(([name, option]) => [
    name,
    readOption({ name: `--${name}`, declared: option }, words.options[name], rules),
  ]);
  return { values: Object.fromEntries(values), arguments: read };
}

interface Named<Declared extends OptionDeclaration | ArgumentDeclaration> {
  readonly name: string;
  readonly declared: Declared;
}

function readOption(named: Named<OptionDeclaration>, given: unknown, rules: ReadingRules): unknown {
  const { name, declared: option } = named;
  if (option.value === undefined) return given === true;
  const texts = (given === undefined ? [option.default] : [given].flat()).filter((text) => text !== undefined);
  if (texts.length === 0 && option.required) throw missing(name, option, rules);
  const read = texts.map((text) => readValue(named, text as string, rules));
  return option.multiple ? read : read[0];
}

function readValue(
  { name, declared }: Named<OptionDeclaration | ArgumentDeclaration>,
  text: string,
  { quotes, advice }: ReadingRules,
): unknown {
  const refuse = (form: string, cause?: unknown) =>
    new AppError("INVALID_INPUT", `${name}${quotes && text !== "" ? ` ${text}` : ""} ${form}; ${advice}`, { cause });
  // An empty path would mean the folder in which the command runs.
  if (text === "") throw refuse("is empty");
  const { whole, choices, parse } = declared;
  if (whole !== undefined) {
    const { from, to = maxWhole } = whole;
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= from && number <= to) return number;
    throw refuse(`is not a whole number from ${from} ${whole.to === undefined ? "upwards" : `to ${to}`}`);
  }
  if (choices !== undefined && !choices.includes(text)) throw refuse(`is not one of ${choices.join(", ")}`);
  if (parse === undefined) return text;
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw refuse(cause.message, cause);
  }
}

const maxWhole = 999_999_999_999_999;

function missing(
  name: string,
  { meaning, choices }: OptionDeclaration | ArgumentDeclaration,
  { advice }: ReadingRules,
): AppError {
  const among = choices === undefined ? "" : `, one of ${choices.join(", ")}`;
  return new AppError("INVALID_INPUT", `${name} is missing: ${meaning}${among}; ${advice}`);
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Turns "90s", "15m", "1h" or "7d" into milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = unitsMs[match?.[2] ?? ""];
  if (match === null || unit === undefined) throw new SyntaxError("is not a duration such as 90s, 15m, 1h or 7d");
  return Number(match[1]) * unit;
}
