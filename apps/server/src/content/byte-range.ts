// The Range header of a GET, for content of a known size (RFC 9110, section 14).

type ByteRange =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly start: number; readonly endInclusive: number }
  | { readonly kind: "unsatisfiable" };

/**
 * Reads one range of bytes. A header that is not understood, or asks for several ranges, selects the whole,
 * as the RFC allows.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (match === null || (first === "" && last === "")) return { kind: "whole" };
  if (first === "") {
    const length = Number(last);
    if (length === 0) return { kind: "unsatisfiable" };
    return { kind: "part", start: Math.max(0, sizeBytes - length), endInclusive: sizeBytes - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return { kind: "whole" };
  if (start >= sizeBytes) return { kind: "unsatisfiable" };
  return { kind: "part", start, endInclusive: last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}
