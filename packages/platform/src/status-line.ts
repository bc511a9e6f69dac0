// The status of a long job: one line rewritten in place on a terminal, a line every ten seconds elsewhere.

export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  readonly nowMs: () => number;
}

interface StatusLine {
  /** Writes `text()` when a line is due, and always for the last line. */
  show(text: () => string, isLast: boolean): void;
  /** Ends the line, so that the next output begins on a line of its own. */
  end(): void;
}

export function createStatusLine({ write, isTty, nowMs }: ProgressOutput): StatusLine {
  let next = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    show(text, isLast) {
      const now = nowMs();
      if (now < next && !isLast) return;
      next = now + (isTty ? 200 : 10_000);
      write(isTty ? `\r\x1b[2K${fitting(text())}` : `${text()}\n`);
      isOpen = isTty;
    },
    end() {
      if (isOpen) write("\n");
      isOpen = false;
    },
  };
}

/** A line that wraps cannot be rewritten in place. */
function fitting(text: string): string {
  const { columns } = process.stderr;
  return columns > 0 ? [...text].slice(0, columns - 1).join("") : text;
}

export function inWords(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
