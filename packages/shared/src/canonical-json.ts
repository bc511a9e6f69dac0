// One value has one byte sequence here, so that a digest or a signature over JSON means something (RFC 8785's rules).

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * Serializes with sorted keys and no white space. Keys whose value is `undefined` are left out. Refuses every
 * value that JSON cannot express exactly: NaN, infinities, negative zero, functions, symbols, bigints, class
 * instances and lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  return serialize(value as Json, "$");
}

export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalJson(value));
}

function serialize(value: Json, path: string): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Object.is(value, -0)) throw new TypeError(`canonical JSON: ${path} is ${value}`);
    return JSON.stringify(value);
  }
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new TypeError(`canonical JSON: ${path} holds a lone surrogate`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item: Json, index) => serialize(item, `${path}[${index}]`)).join(",")}]`;
  }
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    // RFC 8785 orders keys by UTF-16 code units, and so does the default sort.
    const keys = Object.keys(value).sort();
    const members: string[] = [];
    for (const key of keys) {
      const member = (value as { [key: string]: Json | undefined })[key];
      if (member !== undefined) members.push(`${serialize(key, path)}:${serialize(member, `${path}.${key}`)}`);
    }
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`canonical JSON: ${path} is not a JSON value`);
}
