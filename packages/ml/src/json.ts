// Reads JSON as Python writes and reads it: with NaN, Infinity and -Infinity, which JSON itself does not have.

const stringOrConstant = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/gs;
/**
 * JSON.parse reads a number too large for a float64 as infinite. No such number exists for NaN, so a text
 * stands in for it.
 */
const standIns: Readonly<Record<string, string>> = { NaN: '"\u{10ffff}NaN"', Infinity: "1e999", "-Infinity": "-1e999" };

/** Reads as Python's json.loads does. Throws a SyntaxError. */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const replaced = text.replace(stringOrConstant, (found) => standIns[found] ?? found);
    if (replaced === text) throw error;
    return JSON.parse(replaced, (_, value) => (value === "\u{10ffff}NaN" ? Number.NaN : value));
  }
}
