import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { releaseArchive } from "@attune/server/platform/nats/nats-sources";
import { egressContracts } from "@attune/shared/contracts/egress";
import { contractInWords } from "@attune/shared/contracts/egress-page";
import { expect, test } from "vitest";
import { assertNamed, assertUnderstood, type CommandLine, commandLinesIn } from "./command-lines.js";
import { anchorsOf, bareNamesOf, codeBlocksOf, linksOf } from "./prose.js";
import { listFiles, read, root } from "./tree.js";

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...listFiles(/^(docs\/.*|packages\/.*README)\.md$/),
];

test.each(pages)("%s names only paths that exist", (page) => {
  const quoted = [...read(page).matchAll(/`([^`\n]+)`|\]\(([^)#\s]+)\)/g)].map(
    (match) => (match[1] ?? match[2]) as string,
  );
  const paths = quoted.filter((text) =>
    /^(\.\/)?(apps|packages|prisma|infra|test|assets|docs|\.ci)\/[\w./*{},-]*$|^[A-Z]+(\.md)?$/.test(text),
  );
  const missing = paths
    .filter((path) => /\/|\.md$/.test(path) && !/[*{}]/.test(path))
    .filter((path) => !existsSync(join(root, path)));
  expect(missing).toEqual([]);
});

test.each(pages)("%s links only to files and headings that exist", (page) => {
  const broken = linksOf(read(page)).filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [path, anchor] = target.split("#") as [string, string?];
    const file = path === "" ? page : join(dirname(page), path);
    return !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor));
  });
  expect(broken).toEqual([]);
});

test.each(pages)("%s names a path or a page only as a link", (page) => {
  // The table of errors repeats the remedies as programs print them.
  const text = page === "docs/errors.md" ? read(page).replace(/^\| `[A-Z_]+` .*$/gm, "") : read(page);
  expect(bareNamesOf(text).filter((name) => existsSync(join(root, name)))).toEqual([]);
});

test.each([...pages, "assets/extractor/README.md"])("%s shows only command lines that the programs take", (page) => {
  const refused = codeBlocksOf(read(page)).flatMap((block) => refusedOf(commandLinesIn(block), assertUnderstood));
  expect(refused).toEqual([]);
});

test.each(pages)("%s mentions only commands and options that exist", (page) => {
  const mentions = [...read(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
  const lines = mentions.filter((code) => /^(npx |[A-Z_]+=\S+ )*(attune|attune-agent|npm) /.test(code));
  expect(refusedOf(lines.flatMap(commandLinesIn), assertNamed)).toEqual([]);
});

test("the README's five minutes are read as twelve commands or more, and faults in them are found", () => {
  const lines = codeBlocksOf(read("README.md")).flatMap(commandLinesIn);
  expect(lines.length).toBeGreaterThanOrEqual(12);
  const first = lines.find(({ argv }) => argv[0] === "publish")!;
  const faulty = [["publsh"], ["publish", "a", "b"], ["publish", "--modle", "x"], ["publish", "a", "--model", "b"]];
  for (const argv of faulty) expect(refusedOf([{ ...first, argv }], assertUnderstood)).toHaveLength(1);
  for (const argv of [["publsh"], ["publish", "--modle"]])
    expect(refusedOf([{ ...first, argv }], assertNamed)).toHaveLength(1);
  expect(() => commandLinesIn("npm run nosuch")).toThrow("no script nosuch");
});

/** Each refused command line with its refusal. */
function refusedOf(lines: readonly CommandLine[], assertGood: (line: CommandLine) => void): string[] {
  return lines.flatMap((line) => {
    try {
      assertGood(line);
      return [];
    } catch (error) {
      return [`${line.program.name} ${line.argv.join(" ")}: ${(error as Error).message}`];
    }
  });
}

test.each([
  ["docs/privacy-contract.md", "## The limits", 2],
  ["docs/privacy-contract-1.md", "## `enrol`", 1],
] as const)("%s is the contract itself, word for word; vitest -u writes it anew", async (path, opening, version) => {
  const page = read(path);
  const introduction = page.slice(0, page.indexOf(`\n${opening}`) + 1);
  await expect(introduction + contractInWords(egressContracts[version])).toMatchFileSnapshot(join(root, path));
});

test("docs/operating.md fetches the nats-server that the server itself would fetch", () => {
  const { url, sha256 } = releaseArchive("x64")!;
  expect(read("docs/operating.md")).toContain(`curl -fLO ${url}\necho "${sha256}  `);
});

test("a tracked file names no path of one machine", () => {
  const named = listFiles(/\.(ts|js|json|md|yaml|yml|conf|service|sh|py|toml)$/)
    .filter((path) => path !== "package-lock.json" && !path.startsWith("assets/"))
    .filter((path) => /(^|[^A-Za-z0-9_.])\/(work|root|home\/[a-z]+)\//.test(read(path)));
  expect(named).toEqual(["test/architecture/docs.test.ts"].filter((path) => named.includes(path)));
});

test("the compose file publishes ports on loopback alone: what it starts speaks without TLS", () => {
  const published = [...read("infra/compose.yaml").matchAll(/ports: \["([^"]+)"\]/g)].map(([, port]) => port);
  expect(published.length).toBeGreaterThan(0);
  expect(published.filter((port) => !port?.startsWith("127.0.0.1:"))).toEqual([]);
});
