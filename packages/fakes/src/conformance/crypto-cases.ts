// Every host's cryptography answers alike: the keys outlive a restart, and digests and signatures are the same bytes.

import { fromBase64, toHex, utf8 } from "@attune/shared/encoding";
import { type ConformanceCase, faultOf, textOf } from "./home.js";

/** RFC 8032, section 7.1, test 3. */
const rfc8032 = {
  publicKey: fromBase64("/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU="),
  message: Uint8Array.of(0xaf, 0x82),
  signature: fromBase64("YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg=="),
};

export const cryptoCases: readonly ConformanceCase[] = [
  {
    name: "what is sealed opens after a restart under its own context, and is sealed anew each time",
    async observe({ cipher, reopen }) {
      const plain = utf8("I never told anybody this");
      const sealed = await cipher.seal(plain, "utterance/a");
      const twin = await cipher.seal(plain, "utterance/a");
      const { cipher: again } = await reopen();
      const changed = (at: number) => sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
      return {
        opened: textOf(await again.open(sealed, "utterance/a")),
        empty: (await again.open(await cipher.seal(new Uint8Array(0), "e"), "e")).length,
        overheadBytes: sealed.length - plain.length,
        isPlain: toHex(sealed).includes(toHex(plain)),
        isRepeated: toHex(sealed) === toHex(twin),
        elsewhere: await faultOf(() => again.open(sealed, "utterance/b")),
        changed: await Promise.all(
          [0, 1, 20, sealed.length - 1].map((at) => faultOf(() => again.open(changed(at), "utterance/a"))),
        ),
        cut: await faultOf(() => again.open(sealed.subarray(0, 28), "utterance/a")),
      };
    },
    expected: {
      opened: "I never told anybody this",
      empty: 0,
      overheadBytes: 29,
      isPlain: false,
      isRepeated: false,
      elsewhere: "STORE_CORRUPT",
      changed: ["STORE_CORRUPT", "STORE_CORRUPT", "STORE_CORRUPT", "STORE_CORRUPT"],
      cut: "STORE_CORRUPT",
    },
  },
  {
    name: "digests are SHA-256, of bytes and of sources of any size",
    async observe({ hashing }) {
      const sizes = [0, 3, 262_144, 262_145, 600_000];
      const sources = sizes.map((size) => new Uint8Array(size).map((_, i) => (i * 7) % 253));
      const pairs = sources.map(async (bytes) => [
        await hashing.sha256(bytes),
        await hashing.sha256Of({
          sizeBytes: bytes.length,
          read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
        }),
      ]);
      return { abc: await hashing.sha256(utf8("abc")), equal: (await Promise.all(pairs)).map(([a, b]) => a === b) };
    },
    expected: {
      abc: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      equal: [true, true, true, true, true],
    },
  },
  {
    name: "a keyed hash depends on its context and the home's key, and is the same after a restart",
    async observe({ hashing, reopen }) {
      const [a, b] = [await hashing.keyedHash("split/a"), await hashing.keyedHash("split/b")];
      const { hashing: again } = await reopen();
      return { isHex: /^[0-9a-f]{64}$/.test(a), isSame: a === (await again.keyedHash("split/a")), isOther: a !== b };
    },
    expected: { isHex: true, isSame: true, isOther: true },
  },
  {
    name: "random bytes have the length that was asked for, and do not repeat",
    observe: async ({ hashing }) =>
      [0, 16, 16]
        .map((length) => toHex(hashing.randomBytes(length)))
        .map((hex, i, all) => [hex.length, all.indexOf(hex) === i]),
    expected: [
      [0, true],
      [32, true],
      [32, true],
    ],
  },
  {
    name: "an Ed25519 signature is verified as RFC 8032 has it, and anything else is refused",
    async observe({ hashing }) {
      const { publicKey, message, signature } = rfc8032;
      const cut = { publicKey, message, signature: signature.subarray(1) };
      const zeros = { publicKey: new Uint8Array(32), message, signature: new Uint8Array(64) };
      const attempts = [
        rfc8032,
        { publicKey, message: utf8("x"), signature },
        cut,
        { publicKey: publicKey.subarray(1), message, signature },
        zeros,
      ];
      return Promise.all(attempts.map((attempt) => hashing.verifyEd25519(attempt)));
    },
    expected: [true, false, false, false, false],
  },
  {
    name: "the device's key is a user's nkey, the same after a restart, and its signatures verify",
    async observe({ deviceKey, hashing, reopen }) {
      const before = await faultOf(() => deviceKey.sign(utf8("x")));
      const nkey = await deviceKey.create();
      const again = await reopen();
      const signature = await again.deviceKey.sign(utf8("attune"));
      const publicKey = decodeNkey(nkey);
      const verified = await hashing.verifyEd25519({ publicKey, message: utf8("attune"), signature });
      return {
        before,
        isNkey: /^U[A-Z2-7]{55}$/.test(nkey),
        isSame: nkey === (await again.deviceKey.create()),
        verified,
      };
    },
    expected: { before: "NOT_ENROLLED", isNkey: true, isSame: true, verified: true },
  },
];

/** The 32 bytes of the key: base32 without the prefix's byte and the checksum. */
function decodeNkey(nkey: string): Uint8Array {
  const bits = [...nkey].map((letter) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
  );
  const bytes = bits.join("").match(/.{8}/g) ?? [];
  return Uint8Array.from(bytes.slice(1, 33), (byte) => Number.parseInt(byte, 2));
}
