import { errorTable } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { listFiles, read } from "./tree.js";

const ours = /^(packages|apps|test|prisma)\/.*\.(ts|tsx|js|c|h)$/;
const sources = listFiles(ours);
const product = sources.filter((path) => !path.startsWith("test/") && !path.endsWith(".test.ts"));

test("no file is longer than 400 lines", () => {
  const long = sources
    .map((path) => ({ path, lines: read(path).split("\n").length }))
    .filter(({ lines }) => lines > 401);
  expect(long).toEqual([]);
});

test("there are no barrels: no index file, no export-all, no file that only passes on", () => {
  const barrels = product.filter((path) => {
    if (/(^|\/)index\.tsx?$/.test(path)) return true;
    const code = read(path)
      .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
      .trim();
    const statements = code.split(/;\s*/).filter((statement) => statement.trim() !== "");
    return (
      /^export \*/m.test(code) ||
      (statements.length > 0 &&
        statements.every((statement) => /^export (type )?\{[^}]*\} from/.test(statement.trim())))
    );
  });
  expect(barrels).toEqual([]);
});

test("no folder is called utils, lib, common or helpers", () => {
  expect(sources.filter((path) => /\/(utils?|lib|common|helpers?|misc)\//.test(path))).toEqual([]);
});

test("a file of the product starts with a comment", () => {
  const silent = product.filter((path) => !/\.d\.ts$/.test(path) && !/^(#![^\n]*\n)?(\/\/|\/\*)/.test(read(path)));
  expect(silent).toEqual([]);
});

test("a blank line stands between a file's opening comment and its code", () => {
  const joined = sources.filter(
    (path) => /\.[jt]sx?$/.test(path) && /^(#![^\n]*\n)?(\/\/[^\n]*\n)+[^\n/]/.test(read(path)),
  );
  expect(joined).toEqual([]);
});

test("process.env is read in each workspace's env.ts and nowhere else", () => {
  const sources = product.filter((path) => /^(apps|packages)\/[^/]+\/(src|bin)\//.test(path));
  const readers = sources.filter((path) => /process\.env\b/.test(codeOf(path)));
  expect(readers.length).toBeGreaterThan(2);
  expect(readers.filter((path) => !path.endsWith("/env.ts"))).toEqual([]);
});

test("a test is called test, and never it", () => {
  const imported = sources.filter((path) => /import \{[^}]*\bit\b[^}]*\} from "vitest"/.test(read(path)));
  expect(imported).toEqual([]);
});

test("no test is focused, left for later, or skipped otherwise than test/requirements.ts does it, with a reason", () => {
  const tests = sources.filter((path) => path.endsWith(".test.ts"));
  expect(tests.length).toBeGreaterThan(10);
  expect(tests.filter((path) => /\b(test|describe)\.(skip|skipIf|runIf|only|todo|fails)\b/.test(read(path)))).toEqual(
    [],
  );
});

test("unit tests mock no module", () => {
  expect(sources.filter((path) => /\bvi\.mock\(/.test(read(path)) && !path.endsWith("habits.test.ts"))).toEqual([]);
});

test("no test waits for a fixed time: a timer stands in a loop that asks for a condition, and nowhere else", () => {
  const poll = /while \(.*\) await new Promise\(\(resolve\) => setTimeout\(resolve, \d+\)\)/;
  const waits = sources
    .filter((path) => /^test\/.*\.ts$|\.test\.ts$/.test(path) && !path.endsWith("habits.test.ts"))
    .flatMap((path) =>
      read(path)
        .split("\n")
        .map((line) => `${path}: ${line.trim()}`),
    )
    .filter((line) => /\bsetTimeout\(|timers\/promises|\bAtomics\.wait\(/.test(line) && !poll.test(line));
  expect(waits).toEqual([]);
});

test("product code takes no unreadable path for an absent one: it asks isPresent, and existsSync nowhere", () => {
  // The benchmarks look at their own machine, and know no platform.
  const asking = product.filter((path) => /^(apps|packages\/(?!bench\/|fakes\/))[^ ]*\/src\//.test(path));
  expect(asking.length).toBeGreaterThan(300);
  expect(asking.filter((path) => /\bexistsSync\(/.test(read(path)))).toEqual([]);
});

test("no module has a variable, or a constant collection that its own code changes", () => {
  const mutable = product
    .filter((path) => /^(packages|apps)\/.*\.[jt]sx?$/.test(path))
    .flatMap((path) => mutableStateIn(codeOf(path)).map((name) => `${path}: ${name}`));
  expect(mutable).toEqual([]);
});

test("module state is found, whether it is a variable or a collection, and constants pass", () => {
  const changed = "let a = 0;\nexport const b = new Map();\nconst c: string[] = [];\nconst d = {};\n";
  const changes = "function f() {\n  b.set(1, 2);\n  c.push(3);\n  d.x = 4;\n}\n";
  expect(mutableStateIn(changed + changes)).toEqual(["a", "b", "c", "d"]);
  expect(mutableStateIn('const e = new Set(["x"]);\nconst g = (x: number[]) => x.push(1);\ne.has("y");\n')).toEqual([]);
});

/** A source without its comments. */
function codeOf(path: string): string {
  return read(path).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** The names at the top of a module that the module itself assigns to or changes. */
function mutableStateIn(code: string): string[] {
  const variables = [...code.matchAll(/^(?:export )?(?:let|var) (\w+)/gm)].map(([, name]) => name as string);
  const collections = [...code.matchAll(/^(?:export )?const (\w+)(?:: [^=]+)? = (?:new \w+|\[|\{)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => !new RegExp(`^\\s+(?:const|let) ${name}\\b`, "m").test(code))
    .filter((name) => {
      const call = "\\.(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill)\\(";
      const assignment = "(?:\\.\\w+|\\[[^\\]]*\\]) (?:[-+*/|&?]{0,2})=(?!=)";
      return new RegExp(`(?<![.\\w])${name}(?:${call}|${assignment})`).test(code);
    });
  return [...variables, ...collections];
}

test("an upper bound is called max… or …Limit", () => {
  const named = sources.flatMap((path) =>
    [...read(path).matchAll(/^(?:export )?const ((?:most|maximum|largest|longest)[A-Z]\w*)\b.* = [^(]*;$/gm)].map(
      ([, name]) => `${path}: ${name}`,
    ),
  );
  expect(named).toEqual([]);
});

test("docs/errors.md lists exactly the errors of the table", () => {
  const documented = [...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \| (.*) \|$/gm)].map(
    ([, code, status, retryable, remedy]) => ({
      code,
      httpStatus: Number(status),
      retryable: retryable === "yes",
      remedy,
    }),
  );
  const table = Object.entries(errorTable).map(([code, { httpStatus, retryable, remedy }]) => ({
    code,
    httpStatus,
    retryable,
    remedy,
  }));
  expect(documented).toEqual(table);
});

test("docs/errors.md names the faults of configuration", () => {
  const [sentence] = /^Faults of configuration are [^.]*\./m.exec(read("docs/errors.md")) ?? [""];
  const named = [...sentence.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code);
  const table = Object.entries(errorTable).filter(([, entry]) => "configuration" in entry);
  expect(named).toEqual(table.map(([code]) => code));
});

test("images are pinned by their digest, so that a tag that moves changes nothing", () => {
  const images = listFiles(/^infra\/.*(\.yaml|Dockerfile)$/).flatMap((path) =>
    [...read(path).matchAll(/^(?:FROM|\s*image:)\s+(\S+)/gm)].map((match) => match[1] ?? ""),
  );
  expect(images.length).toBeGreaterThan(2);
  expect(images.filter((image) => !/^[a-z]+:\d[\w.-]+@sha256:[0-9a-f]{64}$/.test(image))).toEqual([]);
});

test("an install brings no tfjs-node and none of its old install tools", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, unknown> };
  const names = Object.keys(packages).map((path) => path.split("node_modules/").at(-1));
  for (const name of ["@tensorflow/tfjs-node", "@mapbox/node-pre-gyp", "npmlog", "inflight"]) {
    expect(names).not.toContain(name);
  }
});
