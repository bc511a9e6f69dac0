// `attune publish`: makes a frozen extractor a signed release.
import { type HeadRecipe, headRecipeSchema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { publishFolder } from "./client/publish-folder.js";
import type { Command } from "./command.js";
import {
  accessOf,
  parseCount,
  parseFlags,
  refuseMore,
  required,
  serverOptions,
  serverOptionsHelp,
} from "./command-line.js";

const options = {
  model: { type: "string" },
  version: { type: "string" },
  head: { type: "string" },
  days: { type: "string" },
} as const;

export const publishCommand: Command = {
  name: "publish",
  usage: `Usage: attune publish FOLDER --model NAME --version X.Y.Z [options]

Uploads a frozen extractor (config.json, model.safetensors, tokenizer.json, dr.safetensors, prior-head.safetensors,
golden.json); the server checks that it reproduces its own golden vectors, signs a manifest and keeps both.
Publishing the same content under the same version again changes nothing; other content is refused.

  --model NAME             lower-case letters, digits and dashes
  --version X.Y.Z          the version; it never changes once published
  --head RECIPE            how devices train: linear, elm:HIDDEN:L2 or oselm:HIDDEN:L2 (default: linear)
  --days N                 until devices refuse to install it (default: 90)
${serverOptionsHelp}

Examples:
  attune publish assets/extractor --model attune-small --version 1.0.0
  attune publish runs/frozen --model mine --version 0.2.0 --head elm:256:1 --server https://fleet.example --json`,
  options: { ...serverOptions, ...options },

  async run(argv, io) {
    const { values, positionals } = parseFlags("publish", argv, options);
    refuseMore(positionals, 1, "publish FOLDER --model NAME --version X.Y.Z");
    const input = {
      folder: required(positionals[0], "FOLDER", "the folder of a frozen extractor"),
      model: required(values.model, "--model", "the name of the model"),
      modelVersion: required(values.version, "--version", "the version, such as 1.0.0"),
      headRecipe: values.head === undefined ? undefined : parseRecipe(values.head),
      lifeDays: values.days === undefined ? undefined : parseCount(values.days, "--days", 3_650),
      onProgress: (done: number, total: number) => {
        if (io.isTty) io.stderr(`\r${done} of ${total} chunks${done === total ? "\n" : ""}`);
      },
    };
    const release = await publishFolder(await accessOf(values), input);
    if (io.json) io.stdout(JSON.stringify(release));
    else {
      io.stdout(`release ${release.sequence}: ${release.model} ${release.modelVersion}, ${release.sizeBytes} bytes`);
      io.stdout(`manifest ${release.manifestSha256}, valid until ${release.expiresAt}`);
    }
    return 0;
  },
};

function parseRecipe(text: string): HeadRecipe {
  const [kind, hidden, l2, ...rest] = text.split(":");
  const candidate = kind === "linear" ? { kind } : { kind, hidden: Number(hidden), l2: Number(l2) };
  const parsed = headRecipeSchema.safeParse(candidate);
  if (!parsed.success || rest.length > 0 || (kind === "linear" && hidden !== undefined)) {
    throw new AppError("INVALID_INPUT", `--head ${text}: is not linear, elm:HIDDEN:L2 or oselm:HIDDEN:L2`);
  }
  return parsed.data;
}
