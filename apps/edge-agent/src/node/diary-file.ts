// A diary's copy in one file: lines of JSON, encrypted by a passphrase in the format age (age-encryption.org/v1).
// `age -d` opens it, too.

import { randomInt } from "node:crypto";
import { type DiaryCopy, diaryCopySchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import { Decrypter, Encrypter } from "age-encryption";
import { parseJson } from "../core/storage/parse-json.js";

const header = { format: "attune-diary", version: 1 };
/** scrypt with N = 2^16 and r = 8 takes 64 MiB and less than a second. */
const scryptWorkFactor = 16;

export async function sealDiary(entries: readonly DiaryCopy[], passphrase: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(scryptWorkFactor);
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt([header, ...entries].map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** Throws INVALID_INPUT, naming the file and the line; then nothing was read from it. */
export async function openDiary(sealed: Uint8Array, passphrase: string, path: string): Promise<DiaryCopy[]> {
  const [first, ...lines] = (await decrypt(sealed, passphrase, path)).trimEnd().split("\n");
  const head = parseJson(new TextEncoder().encode(first));
  if (!head.ok || JSON.stringify(head.value) !== JSON.stringify(header)) {
    throw new AppError("INVALID_INPUT", `${path} is opened, and is not a diary of this version`);
  }
  return lines.map((line, i) => {
    const place = `${path} line ${i + 2}`;
    const parsed = parseJson(new TextEncoder().encode(line));
    if (!parsed.ok) throw new AppError("INVALID_INPUT", `${place} is not JSON`);
    return parseInput(diaryCopySchema, parsed.value, place);
  });
}

async function decrypt(sealed: Uint8Array, passphrase: string, path: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(sealed, "text");
  } catch (cause) {
    throw new AppError(
      "INVALID_INPUT",
      `${path} does not open: the passphrase is another one, or the file is damaged or not of age's format`,
      { cause },
    );
  }
}

/** Neither 0 and o nor 1, i and l, which are mistaken for each other. */
const letters = "abcdefghjkmnpqrstuvwxyz23456789";
const groups = 5;
const groupLetters = 5;

/** 123 random bits in groups that a person can copy by hand. */
export function newPassphrase(): string {
  const group = () => Array.from({ length: groupLetters }, () => letters[randomInt(letters.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
