// Reads a checkpoint's tokenizer.json, or builds it from the older vocab.txt, or vocab.json with merges.txt, and
// applies tokenizer_config.json. A file is refused by name if Transformers would compute other ids from it.

import { join } from "node:path";
import { byteLevelBpeTokenizerJson } from "@attune/ml/tokenizer/byte-level-bpe";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { collectAddedTokens } from "./checkpoint-added-tokens.js";
import { inFile, readText } from "./checkpoint-weights.js";
import {
  type Kind,
  kindOfClass,
  kindOfModel,
  obey,
  specialDefaults,
  type TokenizerFields,
} from "./tokenizer-classes.js";
import { contentOf, readNumberedTokens, readSettings, type Settings, specialTokens } from "./tokenizer-settings.js";

/** Every file that a tokenizer may need, including those that say how to use it. */
export const tokenizerFileNames = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
] as const;

type FileName = (typeof tokenizerFileNames)[number];

/** The fields of config.json that a tokenizer depends on; a field is absent where config.json does not state it. */
export interface TokenizerOrigin {
  readonly modelType?: string | undefined;
  readonly tokenizerClass?: string | null | undefined;
  /** The number of tokens that the encoder embeds. */
  readonly vocabSize?: number | undefined;
  /** True for a folder that was written here: its tokenizer.json is the whole tokenizer. */
  readonly isOwn?: boolean;
}

/** Throws INVALID_CHECKPOINT naming the file and what is wrong with it. */
export function readTokenizerJson(folder: string, origin: TokenizerOrigin = {}): string {
  const has = (name: FileName) => isPresentSync(join(folder, name));
  const within = <T>(name: FileName, use: (text: string) => T): T =>
    inFile(join(folder, name), () => use(readText(join(folder, name))));
  const isGiven = has("tokenizer.json");
  if (isGiven && origin.isOwn === true) return within("tokenizer.json", checked);

  const settings: Settings = has("tokenizer_config.json") ? within("tokenizer_config.json", readSettings) : {};
  const kind = kindOf(folder, { settings, origin });
  const isMapRead = settings.added_tokens_decoder === undefined && has("special_tokens_map.json");
  const stated: Settings = {
    ...specialDefaults[kind],
    ...settings,
    ...(isMapRead ? within("special_tokens_map.json", readSettings) : {}),
  };
  const json = isGiven ? within("tokenizer.json", checked) : makeTokenizerJson(folder, kind);
  const numbered = has("added_tokens.json") ? within("added_tokens.json", readNumberedTokens) : {};
  return inFile(folder, () => {
    const file = JSON.parse(json) as TokenizerFields;
    if (isGiven && file.truncation?.direction === "Left" && settings.truncation_side === undefined) {
      throw new Error("the truncation in tokenizer.json is Left; longer texts lose their end here");
    }
    const added = collectAddedTokens({
      vocab: file.model.vocab,
      listed: isGiven ? file.added_tokens : [],
      decoder: stated.added_tokens_decoder,
      numbered,
      special: specialTokens(stated),
      embedded: origin.vocabSize ?? 0,
    });
    const obeyed = JSON.stringify({ ...file, added_tokens: added, ...obey[kind](file, stated) });
    if (kind !== "plain") refuseOtherSurroundings(obeyed, stated);
    return obeyed === JSON.stringify(file) ? json : obeyed;
  });
}

/** Parses the text first, so that every field read here exists. */
function checked(tokenizerJson: string): string {
  createTokenizer(tokenizerJson);
  return tokenizerJson;
}

interface Stated {
  readonly settings: Settings;
  readonly origin: TokenizerOrigin;
}

/** The stated class, else the model's own. The first checkpoints name neither, so the kind follows from their files. */
function kindOf(folder: string, { settings, origin }: Stated): Kind {
  const stated = settings.tokenizer_class ?? origin.tokenizerClass;
  if (typeof stated === "string") {
    const file: FileName | "config.json" = settings.tokenizer_class ? "tokenizer_config.json" : "config.json";
    return inFile(join(folder, file), () => kindOfClass(stated));
  }
  if (origin.modelType !== undefined) return kindOfModel(origin.modelType);
  if (isPresentSync(join(folder, "tokenizer.json"))) return "plain";
  return isPresentSync(join(folder, "vocab.txt")) ? "wordPiece" : "byteLevel";
}

function makeTokenizerJson(folder: string, kind: Kind): string {
  const path = (name: FileName) => join(folder, name);
  const read = (name: FileName) => inFile(path(name), () => readText(path(name)));
  if (kind === "wordPiece" && isPresentSync(path("vocab.txt"))) {
    return inFile(path("vocab.txt"), () => {
      const lines = linesOf(readText(path("vocab.txt"), { keepsMark: true }));
      return wordPieceTokenizerJson(lines, { lowercase: true });
    });
  }
  if (kind === "byteLevel" && isPresentSync(path("vocab.json")) && isPresentSync(path("merges.txt"))) {
    const files = { vocabJson: read("vocab.json"), mergesText: read("merges.txt") };
    return inFile(folder, () => byteLevelBpeTokenizerJson(files));
  }
  const files = {
    plain: "no tokenizer.json",
    wordPiece: "neither tokenizer.json nor vocab.txt",
    byteLevel: "neither tokenizer.json nor vocab.json with merges.txt",
  };
  throw new AppError("INVALID_CHECKPOINT", `${folder} holds ${files[kind]}, which its tokenizer is read from`);
}

/** Lines as the reference reads them: without any white space at their ends. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/\p{White_Space}+$/u, ""));
  if (text.endsWith("\n") || text === "") lines.pop();
  return lines;
}

/** Throws an Error that names a token at a text's start or end which differs from the stated one. */
function refuseOtherSurroundings(tokenizerJson: string, stated: Settings): void {
  const { added_tokens: added, model } = JSON.parse(tokenizerJson) as TokenizerFields;
  const around = createTokenizer(tokenizerJson).encode("").ids;
  for (const [name, id] of [
    ["cls_token", around[0]],
    ["sep_token", around.length === 2 ? around[1] : undefined],
  ] as const) {
    const token = contentOf(stated[name]);
    if ((added.find(({ content }) => content === token)?.id ?? model.vocab[token]) !== id) {
      throw new Error(
        `${name} ${JSON.stringify(token)} is not what the tokenizer's other files put around a text; save it again`,
      );
    }
  }
}
