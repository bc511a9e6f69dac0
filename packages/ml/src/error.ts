// The one error of this package: bad input or an impossible request, with a code from a closed list and a message that names what to change.

/**
 * - `malformed`: a file or text is not in its format
 * - `unsupported`: well-formed, but not something this package computes
 * - `shape`: sizes that do not fit together
 * - `not-finite`: NaN or infinity where a number is needed
 * - `out-of-range`: an index, token, label or setting outside its domain
 * - `empty`: nothing to work on
 * - `mismatch`: two things that must belong together do not (a head and other features)
 * - `singular`: a system of equations without a usable solution
 * - `aborted`: the caller's signal asked to stop
 */
export type MlErrorCode =
  | "malformed"
  | "unsupported"
  | "shape"
  | "not-finite"
  | "out-of-range"
  | "empty"
  | "mismatch"
  | "singular"
  | "aborted";

export class MlError extends Error {
  override readonly name = "MlError";
  readonly code: MlErrorCode;

  constructor(code: MlErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

const notFinite = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Throws `not-finite`, naming `what` and the first offending position (`values` begin at `first`), unless every value is a finite number. */
export function assertFinite(what: string, values: Float32Array | Float64Array, first = 0): void {
  // Three searches of the host's own are over before a loop of ours has been compiled.
  if (!notFinite.some((value) => values.includes(value))) return;
  const i = values.findIndex((value) => !Number.isFinite(value));
  throw new MlError(
    "not-finite",
    `${what} holds ${values[i]} at position ${first + i}; every value must be a finite number`,
  );
}

/** What `read` throws, with the name of the file that it reads in front. An error that is no MlError becomes `malformed`. */
export function inFile<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { message } = cause as Error;
    if (cause instanceof MlError && message.startsWith(name)) throw cause;
    throw new MlError(cause instanceof MlError ? cause.code : "malformed", `${name}: ${message}`, { cause });
  }
}
