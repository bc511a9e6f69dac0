// A few files in the format of IEMOCAP's official release, which may not be redistributed. Each session has three
// dialogues, and each dialogue three turns of the six emotions.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const iemocapDialogues = ["impro01", "impro02", "script01_1"] as const;

export const iemocapDialogueName = (session: number, dialogue: string) => `Ses0${session}F_${dialogue}`;

interface IemocapFile {
  readonly session: number;
  readonly kind: "EmoEvaluation" | "transcriptions";
  readonly name: string;
  readonly content: string | Uint8Array;
}

export function writeIemocapFile(root: string, { session, kind, name, content }: IemocapFile): void {
  const folder = join(root, `Session${session}`, "dialog", kind);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
}

/** `say` gives the words of a turn with an emotion's code. The turn is named by its session, dialogue and number. */
export function writeIemocapRelease(root: string, say = (turn: string, _code: string) => `secret ${turn}`): void {
  for (const session of [1, 2, 3, 4, 5]) {
    for (const dialogue of iemocapDialogues)
      writeDialogue(root, iemocapDialogueName(session, dialogue), { session, say });
  }
}

interface DialogueOptions {
  readonly session: number;
  readonly say: (turn: string, code: string) => string;
}

function writeDialogue(root: string, name: string, { session, say }: DialogueOptions): void {
  const turns = { F000: "neu", M000: "fru", F001: "xxx", F002: "exc" };
  const votes = "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n";
  const evaluation = [
    "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
    "",
    ...Object.entries(turns).flatMap(([id, code]) => [
      `[6.2901 - 8.2357]\t${name}_${id}\t${code}\t[2.5000, 2.5000, 2.5000]`,
      votes,
    ]),
  ].join("\n");
  const spoken = Object.entries(turns).map(([id, code]) => `${name}_${id} [006.2901-008.2357]: ${say(id, code)}`);
  writeIemocapFile(root, { session, kind: "EmoEvaluation", name: `${name}.txt`, content: evaluation });
  writeIemocapFile(root, {
    session,
    kind: "transcriptions",
    name: `${name}.txt`,
    content: [...spoken, "M: [LAUGHTER]", ""].join("\n"),
  });
}
