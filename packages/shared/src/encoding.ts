// Text as bytes, and bytes as hexadecimal and base64 text, in plain TypeScript because this package uses neither Node's
// functions nor a browser's.

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += base64Alphabet[group >> 18];
    text += base64Alphabet[(group >> 12) & 63];
    text += i + 1 < bytes.length ? base64Alphabet[(group >> 6) & 63] : "=";
    text += i + 2 < bytes.length ? base64Alphabet[group & 63] : "=";
  }
  return text;
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new TypeError("not base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let position = 0;
  for (let i = 0; i < text.length; i += 4) {
    let group = 0;
    for (let j = 0; j < 4; j++) group = (group << 6) | Math.max(0, base64Alphabet.indexOf(text[i + j] as string));
    for (let shift = 16; shift >= 0 && position < bytes.length; shift -= 8) bytes[position++] = (group >> shift) & 255;
  }
  return bytes;
}
