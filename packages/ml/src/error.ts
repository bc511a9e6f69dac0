// The one error of this package, for bad input or an impossible request. Its code is from a closed list, and
// its message names what to change. The folder privacy alone throws RangeError: a wrong argument there is a
// fault of the calling code.

/**
 * `malformed`: a file or text is not in its format.
 * `unsupported`: the input is well-formed, but this package does not compute it.
 * `shape`: sizes do not fit together.
 * `not-finite`: NaN or infinity stands where a number is needed.
 * `out-of-range`: an index, token, label or setting lies outside its domain.
 * `empty`: there is nothing to work on.
 * `mismatch`: two things that must belong together do not (a head and other features).
 * `singular`: a system of equations has no usable solution.
 * `aborted`: the caller's signal asked to stop.
 */
type MlErrorCode =
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

/**
 * Throws `not-finite` unless every value is a finite number. Names `what` and the first offending position
 * (`values` begin at `first`).
 */
export function assertFinite(what: string, values: Float32Array | Float64Array, first = 0): void {
  // The host's own three searches finish before a loop of ours would be compiled.
  if (!notFinite.some((value) => values.includes(value))) return;
  const i = values.findIndex((value) => !Number.isFinite(value));
  throw new MlError(
    "not-finite",
    `${what} holds ${values[i]} at position ${first + i}; every value must be a finite number`,
  );
}

/**
 * Runs `read`, and puts the name of the file before the message of any error. An error that is
 * no MlError becomes `malformed`.
 */
export function inFile<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { message } = cause as Error;
    if (cause instanceof MlError && message.startsWith(name)) throw cause;
    throw new MlError(cause instanceof MlError ? cause.code : "malformed", `${name}: ${message}`, { cause });
  }
}
