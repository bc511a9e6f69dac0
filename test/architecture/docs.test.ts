import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { attuneAgent } from "../../apps/edge-agent/src/node/cli/commands.js";
import { attune } from "../../apps/server/src/cli/commands.js";
import { releaseArchive } from "../../apps/server/src/platform/nats/nats-sources.js";
import type { Declaration } from "../../packages/platform/src/cli/declaration.js";
import { egressContracts } from "../../packages/shared/src/contracts/egress.js";
import { contractInWords } from "../../packages/shared/src/contracts/egress-page.js";
import { anchorsOf, bareNamesOf, linksOf } from "./prose.js";
import { listFiles, read, root } from "./tree.js";

const pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...listFiles(/^(docs\/.*|packages\/.*README)\.md$/)];
const scripts = Object.keys(JSON.parse(read("package.json")).scripts);

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

test.each(pages)("%s shows only npm scripts and attune commands that exist", (page) => {
  const text = read(page);
  for (const [, script] of text.matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g)) expect(scripts).toContain(script);
  const namesOf = ({ declaration: { name, alias } }: { declaration: Declaration }) => [name, alias];
  const commands = attune.commands.flatMap(namesOf);
  for (const [, command] of text.matchAll(/(?:npx |`|\$ )attune ([a-z]+)/g)) expect(commands).toContain(command);
  const agentCommands = attuneAgent.commands.flatMap(namesOf);
  for (const [, command] of text.matchAll(/attune-agent ([a-z]+)/g)) expect(agentCommands).toContain(command);
});

test("docs/privacy-contract.md is the contract itself, word for word", () => {
  const page = read("docs/privacy-contract.md");
  expect(page.slice(page.indexOf("\n## ") + 1)).toBe(contractInWords(egressContracts[1]));
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
