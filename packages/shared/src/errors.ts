// Every fault that can reach a reader has one code here, with its HTTP status, whether a retry can help,
// and what to do.

interface ErrorEntry {
  readonly httpStatus: number;
  readonly retryable: boolean;
  /**
   * A fault of this machine's settings (a port, a program, a variable, a directory): only the machine's
   * owner can correct it.
   */
  readonly configuration?: true;
  readonly remedy: string;
}

export const errorTable = {
  INVALID_INPUT: {
    httpStatus: 400,
    retryable: false,
    remedy: "Correct what the message names, then repeat the command.",
  },
  INVALID_DATASET: {
    httpStatus: 400,
    retryable: false,
    remedy: "Correct the named file or line. For a table of your own, --columns maps the columns (`--help`).",
  },
  INVALID_EXTRACTOR: {
    httpStatus: 400,
    retryable: false,
    remedy:
      "Check the folder's name. Copy the folder again, or make it again with `attune pretrain`, `attune extractor import` or `attune extractor freeze`.",
  },
  INVALID_CHECKPOINT: {
    httpStatus: 400,
    retryable: false,
    remedy:
      "Nothing was imported. Download a damaged file again. Save code or shared weights as model.safetensors. Only BERT, RoBERTa and MobileBERT can be imported.",
  },
  INVALID_CONFIGURATION: {
    httpStatus: 400,
    retryable: false,
    configuration: true,
    remedy: "Correct the named environment variable or flag. `--help` lists both.",
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
    remedy: "A token enrols one device once. Ask the fleet manager for a new token (`attune token create`).",
  },
  UNAUTHORIZED: {
    httpStatus: 401,
    retryable: false,
    remedy: "Sign in with a valid access token or the fleet's admin token, or enrol the device again.",
  },
  FORBIDDEN: {
    httpStatus: 403,
    retryable: false,
    remedy: "Use credentials that are allowed to do this. `attune access create` gives a role.",
  },
  NOT_FOUND: {
    httpStatus: 404,
    retryable: false,
    remedy: "Check the name. The `list` commands show the names that exist.",
  },
  CONFLICT: {
    httpStatus: 409,
    retryable: false,
    remedy: "Look at the current state, then decide which of the two to keep.",
  },
  NOT_ENROLLED: {
    httpStatus: 409,
    retryable: false,
    remedy: "Enrol the device first: `attune-agent enrol --server URL --token TOKEN`.",
  },
  ALREADY_ENROLLED: {
    httpStatus: 409,
    retryable: false,
    remedy: "This directory belongs to an enrolled device. Use another --home for another device.",
  },
  AGENT_NOT_RUNNING: {
    httpStatus: 503,
    retryable: true,
    remedy: "Start the agent with `attune-agent run` and the same --home.",
  },
  NO_RELEASE: {
    httpStatus: 409,
    retryable: true,
    remedy: "Wait until the device has received its first release. `attune-agent status` shows the state.",
  },
  TOO_MANY_REQUESTS: {
    httpStatus: 429,
    retryable: true,
    remedy:
      "Retry after a few seconds. If the server is behind a proxy, name the proxy in the server's ATTUNE_TRUSTED_PROXIES.",
  },
  REPLY_TOO_LARGE: {
    httpStatus: 502,
    retryable: false,
    remedy: "Check the server's address: the reply was larger than the server had declared.",
  },
  RANGE_NOT_SATISFIABLE: { httpStatus: 416, retryable: false, remedy: "Request bytes inside the chunk." },
  EGRESS_DENIED: {
    httpStatus: 403,
    retryable: false,
    remedy:
      "The egress contract does not allow this message. docs/privacy-contract.md lists the messages that it allows.",
  },
  OUTBOX_FULL: {
    httpStatus: 507,
    retryable: true,
    remedy: "Connect the device to its network, or raise ATTUNE_OUTBOX_LIMIT. No report was dropped.",
  },
  STORE_CORRUPT: {
    httpStatus: 500,
    retryable: false,
    remedy:
      "Restore the named file from a copy or an export. Without a copy, enrol the device again, or start the training again.",
  },
  DISK_FULL: {
    httpStatus: 507,
    retryable: true,
    remedy: "Free disk space, then repeat the command. Everything saved before is intact.",
  },
  DISK_FAILED: {
    httpStatus: 500,
    retryable: false,
    remedy:
      "Check the disk that holds the named file (`dmesg` lists its faults), then restart. Everything saved before is intact.",
  },
  SYSTEM_LIMIT: {
    httpStatus: 503,
    retryable: true,
    remedy:
      "Raise the limit. EMFILE: open files of a process (`ulimit -n`, LimitNOFILE=). ENFILE: open files of the machine. EAGAIN: processes. ENOMEM: memory.",
  },
  BROWSER_LACKING: {
    httpStatus: 501,
    retryable: false,
    remedy:
      "Open the page by HTTPS in a current browser, outside of a private window, and free disk space if the message names room.",
  },
  PORT_IN_USE: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy: "Stop the program that uses the port, or choose another port with the named variable.",
  },
  HOME_IN_USE: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy: "Stop the process that uses this directory, or name another directory with `--home`.",
  },
  NATS_MISSING: {
    httpStatus: 500,
    retryable: false,
    configuration: true,
    remedy:
      "Install nats-server 2.9 or newer (`apt-get install nats-server`, or https://github.com/nats-io/nats-server/releases). Or name the program in NATS_SERVER_BIN, or a running server in NATS_URL.",
  },
  NATS_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy: "Check that nats-server runs. A running server or agent retries by itself. Restart a process that ended.",
  },
  DATABASE_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy:
      "Check DATABASE_URL, and that PostgreSQL runs. A running server retries by itself. Restart a server that ended.",
  },
  DOWNLOAD_FAILED: {
    httpStatus: 502,
    retryable: true,
    remedy: "Check the network, HF_ENDPOINT and HTTPS_PROXY, then repeat the command. The download resumes.",
  },
  SERVER_UNAVAILABLE: {
    httpStatus: 503,
    retryable: true,
    remedy:
      "Check the server's address and the network, and that the server runs. A running agent keeps working and retries.",
  },
  TARGET_REFUSED: {
    httpStatus: 502,
    retryable: true,
    remedy:
      "The device keeps its release and retries. If the fault repeats, check the server's address, the device's clock, and proxies between the two.",
  },
  TIMED_OUT: {
    httpStatus: 504,
    retryable: true,
    remedy: "Repeat the command. If the fault repeats, find the step that hangs in the process's log.",
  },
  INTERNAL: {
    httpStatus: 500,
    retryable: false,
    remedy: "Please report this defect with the error's code and stack. Neither holds personal text.",
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

/** The error's code; INTERNAL where the error has none. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : "INTERNAL";
}
