// Writes to a process's standard streams, whose readers may close them, stand still or run out of room.

import { AppError, type ErrorCode } from "./errors.js";
import { systemFault } from "./system-fault.js";

/** The part of a stream that is used here. `done` receives the error of a write that failed. */
export interface OutputStream {
  /** Bytes that wait for the reader. */
  readonly writableLength: number;
  write(text: string, done?: (error?: Error | null) => void): unknown;
}

interface Output {
  /** The result of a command. */
  readonly stdout: (text: string) => void;
  /** Progress and explanations: the command does not fail when they are lost. */
  readonly stderr: (text: string) => void;
  /**
   * Waits until the result is written and returns the exit code, which is never 0 when a part of the result was lost.
   */
  readonly settle: (code: number) => Promise<number>;
}

/** A shell reports this code for a program whose reader (`| head`) has closed the pipe: 128 + SIGPIPE. */
const closedPipeExitCode = 141;

/**
 * The streams of a command. A result that cannot be written is reported on standard error at once; a closed
 * pipe is not reported.
 */
export function openOutput({ stdout, stderr }: { stdout: OutputStream; stderr: OutputStream }): Output {
  let lostBy: Error | undefined;
  const note = (error?: Error | null): void => {
    if (!error || lostBy !== undefined) return;
    lostBy = error;
    if (isClosedPipe(error)) return;
    const { code, message, remedy } = new AppError(...faultOf(error));
    stderr.write(`error ${code}: ${message}\nwhat to do: ${remedy}\n`);
  };
  return {
    stdout: (text) => void stdout.write(text, note),
    stderr: (text) => void stderr.write(text),
    settle: (code) =>
      new Promise((resolve) => {
        stdout.write("", (error) => {
          note(error);
          const exitCode = lostBy === undefined ? 0 : isClosedPipe(lostBy) ? closedPipeExitCode : 1;
          resolve(code === 0 ? exitCode : code);
        });
      }),
  };
}

function isClosedPipe(error: Error): boolean {
  return ["EPIPE", "ECONNRESET"].includes(codeOf(error));
}

function faultOf(error: Error): [ErrorCode, string] {
  const code = systemFault(error)?.code ?? "INVALID_INPUT";
  return [code, `standard output cannot be written (${codeOf(error) || error.name})`];
}

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** A reader that stands still must not fill a daemon's memory. */
const maxQueueBytes = 1024 * 1024;

/**
 * Writes the lines of a daemon's log. A line that cannot be written is dropped; the number of dropped lines precedes
 * the next line that can be written.
 */
export function createLogLines(stream: OutputStream, nowMs: () => number = Date.now): (line: string) => void {
  let dropped = 0;
  return (line) => {
    if (stream.writableLength > maxQueueBytes) {
      dropped += 1;
      return;
    }
    const missing = dropped;
    dropped = 0;
    stream.write(missing === 0 ? line : `${droppedLine(missing, nowMs())}${line}`, (error) => {
      if (error) dropped += missing + 1;
    });
  };
}

/** The text begins with a line end, because a full disk may have cut the line before. */
function droppedLine(lines: number, nowMs: number): string {
  const time = new Date(nowMs).toISOString();
  return `\n${JSON.stringify({ time, level: "warn", event: "log.dropped", lines })}\n`;
}
