// Declares the commands of the catalogue: models, their published versions, and aliases.

import { declare } from "@attune/platform/cli/declaration";
import { parseDuration } from "@attune/platform/cli/values";
import {
  aliasPattern,
  modelNamePattern,
  parseReleaseReference,
  type ReleaseReference,
} from "@attune/shared/contracts/release-reference";
import { changeOptions, sequence, serverOptions } from "./fleet.js";

function parseWords(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").map((pair) => pair.split("="));
  if (pairs.every((pair) => pair.length === 2)) return Object.fromEntries(pairs);
  throw new SyntaxError("is not of the form SLUG=WORDS,SLUG=WORDS");
}

export const publish = declare({
  name: "publish",
  summary: "Publish a frozen extractor as a signed release",
  details: [
    "The server checks that the extractor reproduces its own golden vectors, signs a manifest and keeps both.",
    "Publishing the same content under the same version again changes nothing. The server refuses other content under that version.",
  ],
  arguments: [
    {
      name: "FOLDER",
      meaning: "the folder of a frozen extractor, as attune extractor freeze writes it",
      path: "folder",
    },
  ],
  options: {
    model: { value: "NAME", meaning: "the model's name: lower-case letters, digits and dashes", required: true },
    version: {
      value: "X.Y.Z",
      meaning: "the version, such as 1.0.0, which never changes once published",
      required: true,
    },
    head: {
      value: "RECIPE",
      meaning: "how devices train their heads: linear, elm:HIDDEN:L2 or oselm:HIDDEN:L2 (default: linear)",
    },
    days: {
      value: "N",
      meaning: "the days until devices refuse to install it (default: 90)",
      whole: { from: 1, to: 3_650 },
    },
    contract: {
      value: "N",
      meaning:
        "the egress contract that its devices speak at most; a device that lacks it refuses the release (default: 2, or a demonstration's own)",
      whole: { from: 1, to: 1_000 },
    },
    words: {
      value: "SLUG=WORDS,…",
      meaning: "the words that people see for labels (default: each label's slug)",
      parse: parseWords,
    },
    fallback: { value: "N", meaning: "the number of the release to fall back to (default: none)", whole: sequence },
    ...changeOptions,
  },
  examples: [
    "attune publish assets/extractor --model attune-small --version 1.0.0",
    "attune publish runs/frozen --model mine --version 0.2.0 --head elm:256:1 --server https://fleet.example --json",
  ],
});

function parseRelease(text: string): ReleaseReference {
  const reference = parseReleaseReference(text);
  if (reference !== undefined) return reference;
  throw new SyntaxError("is not a release's number, MODEL@VERSION or MODEL@ALIAS");
}

const oneRelease = {
  name: "RELEASE",
  meaning: "the release's number, MODEL@VERSION or MODEL@ALIAS",
  parse: parseRelease,
} as const;

export const release = declare({
  name: "release",
  summary: "List the releases, show one, or keep tags and a note with it",
  details: ["A release is named by its number, by its model and version, or by an alias of its model."],
  examples: ["attune release list", "attune release show 3 --json", "attune release show attune-small@champion"],
});

export const releaseList = declare({
  name: "list",
  summary: "List the releases with their aliases and tags",
  options: serverOptions,
  examples: ["attune release list"],
});

export const releaseShow = declare({
  name: "show",
  summary: "Show one release with its files, labels and lineage",
  details: [
    "The lineage names the base checkpoint, the datasets by fingerprint, the run that trained it and its scores.",
    "With --json the answer also holds the signed manifest's content, the curves of the run and the card.",
  ],
  arguments: [oneRelease],
  options: serverOptions,
  examples: ["attune release show 3", "attune release show attune-small@1.0.0"],
});

export const releaseCompare = declare({
  name: "compare",
  summary: "Compare two releases: scores, times, bytes, files and labels",
  details: ["The bytes on the wire are those that a device with the first release downloads for the second."],
  arguments: [
    { ...oneRelease, name: "FROM" },
    { ...oneRelease, name: "TO" },
  ],
  options: serverOptions,
  examples: [
    "attune release compare 2 3",
    "attune release compare attune-small@champion attune-small@candidate --json",
  ],
});

export const releaseExport = declare({
  name: "export",
  summary: "Write a release into a folder, for another server or an archive",
  details: ["The folder holds the extractor's files, release.json and the card. Each file is checked by its hash."],
  arguments: [oneRelease, { name: "DIR", meaning: "the new folder", path: "folder" }],
  options: serverOptions,
  examples: ["attune release export 3 attune-small-1.0.0", "attune release export attune-small@champion out --json"],
});

export const releaseImport = declare({
  name: "import",
  summary: "Publish an exported release under its model and version",
  details: [
    "Every file is checked by its hash first. The release gets a number and a signature of this server.",
    "Recipe, words, lineage, tags and note come from the folder. The release has no fallback, because numbers differ.",
  ],
  arguments: [{ name: "DIR", meaning: "the folder that attune release export wrote", path: "folder" }],
  options: {
    days: {
      value: "N",
      meaning: "the days until devices refuse to install it (default: 90)",
      whole: { from: 1, to: 3_650 },
    },
    ...serverOptions,
  },
  examples: ["attune release import attune-small-1.0.0 --server https://fleet.example --json"],
});

export const releaseTag = declare({
  name: "tag",
  summary: "Add tags to a release, or remove tags from it",
  details: ["Tags are for the fleet manager alone. No device sees them."],
  arguments: [
    oneRelease,
    {
      name: "TAG",
      meaning: "a tag to add: lower-case letters, digits, dots, dashes and underscores",
      optional: true,
      variadic: true,
    },
  ],
  options: { remove: { value: "TAG", meaning: "a tag to remove", multiple: true }, ...changeOptions },
  examples: ["attune release tag 3 nightly", "attune release tag attune-small@1.0.0 tested --remove nightly"],
});

export const releaseNote = declare({
  name: "note",
  summary: "Keep a note with a release in place of its earlier note",
  details: ["A note is for the fleet manager alone. No device sees it."],
  arguments: [
    oneRelease,
    { name: "TEXT", meaning: "the note, up to 1000 characters; without it the note is removed", optional: true },
  ],
  options: changeOptions,
  examples: ['attune release note 3 "first with the new tokenizer"', "attune release note 3"],
});

export const releaseCollect = declare({
  name: "collect",
  summary: "Free the content of releases that nothing names",
  details: [
    "A release is kept while a rollout, an alias or a device names it, or a release that is kept falls back to it.",
    "A collected release stays in lists and keeps its number. Publishing the same content again restores it.",
  ],
  options: {
    "older-than": {
      value: "DURATION",
      meaning: "keep releases and uploaded chunks that are younger: 90s, 15m, 1h or 7d",
      default: "7d",
      parse: parseDuration,
    },
    "dry-run": { meaning: "show what would be freed, and change nothing" },
    ...changeOptions,
  },
  examples: ["attune release collect --dry-run", "attune release collect --older-than 1d --json"],
});

function parseModel(text: string): string {
  if (modelNamePattern.test(text)) return text;
  throw new SyntaxError("is not a model's name: a lower-case letter, then lower-case letters, digits and dashes");
}

export const model = declare({
  name: "model",
  summary: "List the models, or show one with its versions",
  examples: ["attune model list", "attune model show attune-small --json"],
});

export const modelList = declare({
  name: "list",
  summary: "List the models with their aliases",
  options: serverOptions,
  examples: ["attune model list"],
});

export const modelShow = declare({
  name: "show",
  summary: "Show a model's versions and aliases",
  arguments: [{ name: "MODEL", meaning: "the model's name", parse: parseModel }],
  options: serverOptions,
  examples: ["attune model show attune-small"],
});

function parseAlias(text: string): { readonly model: string; readonly alias: string } {
  const [model = "", alias = "", ...rest] = text.split("@");
  if (rest.length === 0 && modelNamePattern.test(model) && aliasPattern.test(alias)) return { model, alias };
  throw new SyntaxError("is not MODEL@ALIAS, such as attune-small@champion");
}

const oneAlias = { name: "MODEL@ALIAS", meaning: "the alias and its model", parse: parseAlias } as const;
const aliasOptions = {
  expect: {
    value: "N",
    meaning: "change the alias only where it names release N now; 0 stands for no release",
    whole: { from: 0, to: sequence.to },
  },
  ...changeOptions,
} as const;

export const alias = declare({
  name: "alias",
  summary: "Let an alias such as champion name a release, or delete the alias",
  details: [
    "An alias belongs to a model and names one of its releases. The usual aliases are champion and candidate.",
    "The server keeps the content of every release that an alias names.",
  ],
  examples: ["attune alias set attune-small@champion 3", "attune alias delete attune-small@candidate"],
});

export const aliasSet = declare({
  name: "set",
  summary: "Let an alias name a release",
  arguments: [oneAlias, oneRelease],
  options: aliasOptions,
  examples: [
    "attune alias set attune-small@champion 3",
    "attune alias set attune-small@champion attune-small@candidate --expect 2",
  ],
});

export const aliasDelete = declare({
  name: "delete",
  summary: "Delete an alias; the release stays",
  arguments: [oneAlias],
  options: aliasOptions,
  examples: ["attune alias delete attune-small@candidate --expect 4"],
});
