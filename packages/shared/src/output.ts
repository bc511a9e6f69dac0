// What a process writes to its standard streams. Their readers may go away, stand still, or have no room.

import { AppError, type ErrorCode } from "./errors.js";
import { systemFault } from "./system-fault.js";

/** The part of a stream that this needs. `done` gets the error of a write that failed. */
export interface OutputStream {
  /** Bytes that wait for the reader. */
  readonly writableLength: number;
  write(text: string, done?: (error?: Error | null) => void): unknown;
}

export interface Output {
  /** The result of a command. */
  readonly stdout: (text: string) => void;
  /** Progress and explanations: losing them is not worth the work. */
  readonly stderr: (text: string) => void;
  /** Waits until the result is written. Answers the exit code: never 0 where a part of the result was lost. */
  readonly settle: (code: number) => Promise<number>;
}

/** What a shell reports of a program whose reader (`| head`) has closed the pipe: 128 + SIGPIPE. */
const closedPipeExitCode = 141;

/** The streams of a command. A result that cannot be written is reported on standard error at once, a closed pipe is not. */
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
const longestQueueBytes = 1024 * 1024;

/** Writes the lines of a daemon's log. A line that cannot be written is dropped, and the next one that can be is preceded by their number. */
export function createLogLines(stream: OutputStream, nowMs: () => number = Date.now): (line: string) => void {
  let dropped = 0;
  return (line) => {
    if (stream.writableLength > longestQueueBytes) {
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

/** Begins with a line end: a full disk may have taken the beginning of the line before. */
function droppedLine(lines: number, nowMs: number): string {
  const time = new Date(nowMs).toISOString();
  return `\n${JSON.stringify({ time, level: "warn", event: "log.dropped", lines })}\n`;
}
