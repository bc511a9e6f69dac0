import type { DiaryCopy } from "@attune/shared/contracts/local-api";
import { expect, test } from "vitest";
import { newPassphrase, openDiary, sealDiary } from "./diary-file.js";

const entries: DiaryCopy[] = [
  { id: "a", text: "two\nlines, and 🌧", label: "joy", split: "train", said: "2026-03-01T12:00:00+01:00", forgotten: 0 },
  { id: "b", text: "no label yet", label: null, split: "holdout", said: null, forgotten: 2 },
];

test("a diary comes back as it was, and its file shows none of its words", async () => {
  const passphrase = newPassphrase();
  const sealed = await sealDiary(entries, passphrase);
  const text = Buffer.from(sealed).toString("latin1");
  expect(text).toMatch(/^age-encryption\.org\/v1\n/);
  expect(text).not.toContain("lines");
  expect(await openDiary(sealed, passphrase, "diary.age")).toEqual(entries);
  expect(await openDiary(await sealDiary([], passphrase), passphrase, "diary.age")).toEqual([]);
});

test("another passphrase, a changed byte, a cut file and no age file at all are refused, naming the file", async () => {
  const sealed = await sealDiary(entries, "the right words");
  const changed = Uint8Array.from(sealed, (byte, i) => (i === sealed.length - 20 ? byte ^ 1 : byte));
  const attempts: [Uint8Array, string][] = [
    [sealed, "the wrong words"],
    [changed, "the right words"],
    [sealed.subarray(0, -8), "the right words"],
    [new Uint8Array(0), "the right words"],
    [Buffer.from("not age"), "the right words"],
  ];
  for (const [bytes, passphrase] of attempts) {
    await expect(openDiary(bytes, passphrase, "diary.age")).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(/^diary\.age does not open/),
    });
  }
});

test("a line of another kind is named", async () => {
  const wrong = [entries[0]!, { ...entries[1]!, label: "No Slug!" }];
  const sealed = await sealDiary(wrong, "the right words");
  await expect(openDiary(sealed, "the right words", "diary.age")).rejects.toThrow(/^diary\.age line 3\.label/);
});

test("passphrases differ, and hold no letters that look alike", () => {
  const drawn = Array.from({ length: 100 }, newPassphrase);
  expect(new Set(drawn).size).toBe(100);
  for (const passphrase of drawn) expect(passphrase).toMatch(/^([a-hjkmnp-z2-9]{5}-){4}[a-hjkmnp-z2-9]{5}$/);
});
