// The text of a user's public nkey: prefix, key and CRC-16 in base32, as @nats-io/nkeys writes it. That package makes
// the text only from a seed, which a key that cannot be extracted does not give.

const userPrefix = 20 << 3;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export function nkeyOf(publicKey: Uint8Array): string {
  const body = Uint8Array.of(userPrefix, ...publicKey);
  const checksum = crc16(body);
  return base32(Uint8Array.of(...body, checksum & 0xff, checksum >> 8));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/** RFC 4648 without padding. */
function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}
