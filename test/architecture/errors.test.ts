// The words of errors and commands: remedies and messages as a reader sees them, held to the lint of sentences.

import { errorTable } from "@attune/shared/errors";
import { parseSync } from "rolldown/utils";
import { expect, test } from "vitest";
import { faultsOf } from "./prose.js";
import { listFiles, read } from "./tree.js";

/** A message joins its claims with semicolons, where a page has full stops. */
const claimsOf = (text: string) => text.split(/(?<=[.;]) /);
const faultsIn = (text: string) => claimsOf(text).flatMap((claim) => faultsOf(claim).map((f) => `${f}: ${text}`));

test("every remedy is written in short sentences, in the field's words", () => {
  const remedies = Object.values(errorTable).map(({ remedy }) => remedy);
  expect(remedies.flatMap(faultsIn)).toEqual([]);
  expect(remedies.filter((remedy) => !/^[A-Z].*\.$/.test(remedy))).toEqual([]);
});

test("every message of errors and commands is written in short claims, in the field's words", () => {
  const sources = listFiles(/^(apps|packages)\/.*(?<!\.test)\.tsx?$/);
  const messages = sources.flatMap((path) => messagesIn(path));
  expect(messages.length).toBeGreaterThan(400);
  expect(messages.flatMap(faultsIn)).toEqual([]);
});

test("no message puts a colon between a subject and its verb, and none begins with a verb", () => {
  const sources = listFiles(/^(apps|packages)\/.*(?<!\.test)\.ts$/);
  const verb = "is|are|was|were|has|have|had|holds|lacks|must|does|do|names|needs|ends|gives|cannot";
  const broken = new RegExp(`(: |^)(${verb}) `);
  const messages = sources.flatMap((path) => messagesIn(path));
  expect(messages.filter((text) => broken.test(text))).toEqual([]);
});

test("a message is found in each way in which code writes one", () => {
  const source =
    'new AppError("X", "one");\nnew MlError("y", `two $' +
    '{a} b`, { cause });\nnew AppError("X", `c $' +
    '{d}` + "e"); io.stderr("f\\n"); throw new Error("g");';
  expect(messagesOf(parseSync("x.ts", source).program)).toEqual(["one", "two X b", "c Xe", "f", "g"]);
});

function messagesIn(path: string): string[] {
  const source = read(path);
  return /Error\(|std(out|err)\(/.test(source) ? messagesOf(parseSync(path, source).program) : [];
}

/** The parts of a syntax tree's node that are read here, as ESTree has them. */
interface Node {
  readonly type?: string;
  readonly callee?: { readonly name?: string; readonly property?: { readonly name?: string } };
  readonly arguments?: readonly Node[];
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly cooked: string } }[];
  readonly left?: Node;
  readonly right?: Node;
}

/** The messages given to errors and to standard streams, with X in place of each value that is put in. */
function messagesOf(node: object): string[] {
  const message = messageOf(node as Node);
  const text = message === undefined ? "X" : textOf(message).trim();
  const inside = Object.values(node).flatMap((part) =>
    typeof part === "object" && part !== null ? messagesOf(part) : [],
  );
  return text === "X" ? inside : [text, ...inside];
}

function messageOf({ type, callee, arguments: given }: Node): Node | undefined {
  const name = callee?.name ?? callee?.property?.name ?? "";
  if (type === "NewExpression" && /^(App|Ml)Error$/.test(name)) return given?.[1];
  if (type === "NewExpression" && /^(Type|Range)?Error$/.test(name)) return given?.[0];
  return type === "CallExpression" && /^std(out|err)$/.test(name) ? given?.[0] : undefined;
}

function textOf({ type, value, quasis, left, right }: Node): string {
  if (type === "Literal" && typeof value === "string") return value;
  if (type === "TemplateLiteral") return (quasis ?? []).map((quasi) => quasi.value.cooked).join("X");
  return type === "BinaryExpression" && left && right ? textOf(left) + textOf(right) : "X";
}
