// Every fault that can reach a reader has one code here, with its HTTP status, whether a retry can help, and what to do.

interface ErrorEntry {
  readonly httpStatus: number;
  readonly retryable: boolean;
  /** A fault of this machine's settings (a port, a program, a variable, a directory): only the machine's owner can correct it. */
  readonly configuration?: true;
  readonly remedy: string;
}

export const errorTable = {
  INVALID_INPUT: { httpStatus: 400, retryable: false, remedy: "Correct what the message names, then try again." },
  INVALID_DATASET: {
    httpStatus: 400,
    retryable: false,
    remedy:
      "Correct the named file or line; where the command's --help names --columns, that maps the columns of a table of your own.",
  },
  INVALID_EXTRACTOR: {
    httpStatus: 400,
    retryable: false,
    remedy:
      "Check that this is the folder meant; then make it again with the command that made it (`attune pretrain`, `attune extractor import` or `freeze`), or copy it again.",
  },
  INVALID_CHECKPOINT: {
    httpStatus: 400,
    retryable: false,
    remedy:
      "Nothing was imported. What is damaged, get again from where it is published; what holds code or shared weights, save as model.safetensors; in place of another architecture choose a BERT, RoBERTa or MobileBERT.",
  },
  INVALID_CONFIGURATION: {
    httpStatus: 400,
    retryable: false,
    configuration: true,
    remedy: "Correct the named environment variable or flag; `--help` lists them.",
  },
  TOKEN_INVALID: {
    httpStatus: 401,
    retryable: false,
    remedy: "Ask the fleet manager for a new enrolment token (`attune token create`).",
  },
  TOKEN_EXPIRED: {
    httpStatus: 401,
    retryable: false,
    remedy: "Ask the fleet manager for a new enrolment token (`attune token create`).",
  },
  TOKEN_USED: {
    httpStatus: 409,
    retryable: false,
    remedy: "A token enrols one device once; ask for a new one (`attune token create`).",
  },
  UNAUTHORIZED: {
    httpStatus: 401,
    retryable: false,
    remedy: "Sign in with the fleet's admin token, or enrol the device again.",
  },
  FORBIDDEN: { httpStatus: 403, retryable: false, remedy: "Use credentials that are allowed to do this." },
  NOT_FOUND: { httpStatus: 404, retryable: false, remedy: "Check the name; list what exists first." },
  CONFLICT: {
    httpStatus: 409,
    retryable: false,
    remedy: "Look at the current state, then decide which of the two is meant.",
  },
  NOT_ENROLLED: {
    httpStatus: 409,
    retryable: false,
    remedy: "Enrol the device first: `attune-agent enrol --server URL --token TOKEN`.",
  },
  ALREADY_ENROLLED: {
    httpStatus: 409,
    retryable: false,
    remedy: "This directory belongs to a device already; use another --home for another device.",
  },
  AGENT_NOT_RUNNING: {
    httpStatus: 503,
    retryable: true,
    remedy: "Start the agent: `attune-agent run` with the same --home.",
  },
  NO_RELEASE: {
    httpStatus: 409,
    retryable: true,
    remedy: "Wait until the device has received its first release; `attune-agent status` shows the state.",
  },
  TOO_MANY_REQUESTS: {
    httpStatus: 429,
    retryable: true,
    remedy: "Try again in a few seconds; behind a proxy, name it in the server's ATTUNE_TRUSTED_PROXIES.",
  },
  REPLY_TOO_LARGE: {
    httpStatus: 502,
    retryable: false,
    remedy: "The server sent more than it declared; check the server's address.",
  },
  RANGE_NOT_SATISFIABLE: { httpStatus: 416, retryable: false, remedy: "Ask for bytes inside the chunk." },
  EGRESS_DENIED: {
    httpStatus: 403,
    retryable: false,
    remedy: "The egress contract does not allow this message; see docs/privacy-contract.md.",
  },
  OUTBOX_FULL: {
    httpStatus: 507,
    retryable: true,
    remedy: "Bring the device back to its network, or raise ATTUNE_OUTBOX_LIMIT; no report was dropped.",
  },
  STORE_CORRUPT: {
    httpStatus: 500,
    retryable: false,
    remedy:
      "Restore the named file from a copy or an export; without one, enrol a device again, or begin the training anew.",
  },
  DISK_FULL: { httpStatus: 507, retryable: true, remedy: "Free disk space; what was good before is still in place." },
  DISK_FAILED: {
    httpStatus: 500,
    retryable: false,
    remedy:
      "Check the disk that holds the named file (`dmesg` names its faults), then start again; the last content that was saved is still in place.",
  },
  SYSTEM_LIMIT: {
    httpStatus: 503,
    retryable: true,
    remedy:
      "Raise what the message names (EMFILE: open files of a process, `ulimit -n` or LimitNOFILE=; ENFILE: those of the machine; EAGAIN: processes; ENOMEM: memory).",
  },
  PORT_IN_USE: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy: "Stop the program that listens there, or choose another port with the named variable.",
  },
  HOME_IN_USE: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy: "Another process uses this directory; stop it or choose another ATTUNE_HOME.",
  },
  NATS_MISSING: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy:
      "Install nats-server 2.9 or newer (Debian and Ubuntu: `apt-get install nats-server`; else https://github.com/nats-io/nats-server/releases), name the program in NATS_SERVER_BIN, or set NATS_URL to a server that runs.",
  },
  NATS_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy: "Check that nats-server runs. A running server or agent keeps trying; start again what ended.",
  },
  DATABASE_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy: "Check DATABASE_URL and that PostgreSQL runs. A running server keeps trying; start again one that ended.",
  },
  DOWNLOAD_FAILED: {
    httpStatus: 502,
    retryable: true,
    remedy:
      "Check the network, HF_ENDPOINT and HTTPS_PROXY, then run the command again: it goes on from the bytes already there.",
  },
  SERVER_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy: "Check the server's address and the network; the device keeps working and tries again.",
  },
  TARGET_REFUSED: {
    httpStatus: 502,
    retryable: true,
    remedy:
      "The device keeps its release and asks again. If it repeats, check the server's address, the device's clock, and what lies between the two.",
  },
  TIMED_OUT: {
    httpStatus: 504,
    retryable: true,
    remedy: "Try again; if it repeats, look at the process's log for the step that hangs.",
  },
  INTERNAL: {
    httpStatus: 500,
    retryable: false,
    remedy: "This is a defect: please report it with the error's code and stack, which hold no personal text.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export class AppError extends Error {
  readonly code: ErrorCode;

  /** `message` names the field, file, line or port at fault and never holds an utterance. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AppError";
    this.code = code;
  }

  get remedy(): string {
    return errorTable[this.code].remedy;
  }

  get httpStatus(): number {
    return errorTable[this.code].httpStatus;
  }

  get isConfiguration(): boolean {
    const entry: ErrorEntry = errorTable[this.code];
    return entry.configuration === true;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorTable, value);
}
