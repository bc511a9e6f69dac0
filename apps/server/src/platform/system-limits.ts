// Recognises limits of the machine in a child's output. Each is a setting to raise, not a defect. Limits of
// this process have codes.

import { AppError } from "@attune/shared/errors";

const limits: readonly (readonly [words: RegExp, remedy: string])[] = [
  [
    /too many open files|insufficient file descriptors|EMFILE|ENFILE/i,
    "the limit of open files is too low; raise it to 4096 (`ulimit -n 4096`, LimitNOFILE= of a systemd unit)",
  ],
  [
    /could not \w+ shared memory segment/i,
    "/dev/shm is missing or too small; give it 64 MB (`docker run --shm-size=64m`, `mount -o remount,size=64m /dev/shm`), or set DATABASE_URL",
  ],
  [
    /could not fork|failed to create new OS thread|Resource temporarily unavailable/i,
    "the limit of processes is too low; raise it to 1024 (`ulimit -u 1024`, TasksMax= of a systemd unit)",
  ],
];

/** The fault for `text`, written by the program `name`, that complains of a limit. Undefined for any other text. */
export function limitFault(name: string, text: string): AppError | undefined {
  const remedy = limits.find(([words]) => words.test(text))?.[1];
  return remedy === undefined ? undefined : new AppError("SYSTEM_LIMIT", `${name} cannot run: ${remedy}`);
}
