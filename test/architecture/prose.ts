// Reads a page of Markdown for the architecture tests: its sentences, its links, its headings' anchors.

const fenced = /^( *)(```|~~~)[^\n]*\n[\s\S]*?^\1\2 *$/gm;
const link = /!?\[([^\]\n]*)\]\(([^)\s]+)\)/g;

/** A table of a bench with its notes, which the bench writes. */
const measured = /<!-- bench \S+ -->[\s\S]*?<!-- end bench -->/g;

/** The sentences of a page without code blocks, tables, headings and link targets; inline code counts as one word. */
export function sentencesOf(markdown: string): string[] {
  const prose = markdown
    .replace(fenced, "\n")
    .replace(measured, "\n")
    .replace(/^ *\|.*$|^#+ .*$/gm, "\n")
    .replace(/`[^`\n]+`/g, "`code`")
    .replace(link, "$1");
  return prose
    .split(/\n\s*\n|\n(?= *[-*] | *\d+\. )/)
    .map((block) => block.replace(/^\s*(?:[-*] |\**\d+\. )/, "").replace(/\s+/g, " "))
    .flatMap((block) => block.split(/(?<=[.!?][)"*]*) /))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

const maxWords = 25;
const openings = /^[*"(]*(Of|What|Where)\b/;
/** Each of these has a plain word that belongs in its place. */
const bannedWords: readonly (readonly [RegExp, string])[] = [
  [/\b(go|goes|going|went) on\b/i, "resume, continue"],
  [/\btr(y|ies|ied|ying) again\b/i, "retry"],
  [/\b(tells?|told|telling)\b/i, "say, state, report"],
  [/\b(hears?|heard|hearing)\b/i, "receive"],
  [/\b(honest|honestly|simply|obviously|of course)\b/i, "nothing"],
  [/\b(seamless|seamlessly|leverage|utili[sz]e|blazing)\b/i, "a number, or nothing"],
  [/\b(nobody's|somebody's|lets nothing)\b/i, "the noun"],
];

export const wordsOf = (text: string): number => text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** A sentence's faults, each in words; empty where the sentence may stand. */
export function faultsOf(sentence: string): string[] {
  const words = wordsOf(sentence);
  const faults = words > maxWords ? [`${words} words, more than ${maxWords}`] : [];
  const opening = openings.exec(sentence)?.[1];
  if (opening !== undefined) faults.push(`opens with "${opening}"`);
  for (const [pattern, instead] of bannedWords) {
    const found = pattern.exec(sentence)?.[0];
    if (found !== undefined) faults.push(`says "${found}" in place of: ${instead}`);
  }
  return faults;
}

/** The text of each code block, fenced or indented by four spaces. */
export function codeBlocksOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(fenced)].map(([block]) => block.split("\n").slice(1, -1).join("\n"));
  const indented = markdown.replace(fenced, "").match(/(?:^ {4}\S.*\n?)+/gm) ?? [];
  return [...blocks, ...indented.map((block) => block.replace(/^ {4}/gm, ""))];
}

/** The words of each cell of the tables that are written by hand; inline code counts as one word. */
export function cellsOf(markdown: string): string[] {
  const rows =
    markdown
      .replace(fenced, "\n")
      .replace(measured, "\n")
      .match(/^ *\|.*\|$/gm) ?? [];
  return rows.flatMap((row) =>
    row
      .replace(/`[^`\n]+`/g, "`code`")
      .replace(link, "$1")
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The targets of a page's links and pictures outside of code blocks, as written. */
export function linksOf(markdown: string): string[] {
  return [...markdown.replace(fenced, "").matchAll(link)].map(([, , target]) => target as string);
}

/** The anchors of a page's headings, as code hosts make them. */
export function anchorsOf(markdown: string): string[] {
  return [...markdown.replace(fenced, "").matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading as string)
      .replace(link, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

/** The paths of this repository that a page's prose and tables name outside of code blocks and links. */
export function bareNamesOf(markdown: string): string[] {
  const rest = markdown.replace(fenced, "").replace(link, "");
  const names = /(?<![\w./:-])(?:(?:apps|packages|prisma|infra|test|assets|docs|\.ci)\/[\w./-]*\w|[A-Z]+\.md)/g;
  return [...rest.matchAll(names)].map(([name]) => name);
}
