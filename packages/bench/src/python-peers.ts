// scikit-learn and NumPy as peers, if python3 (or ATTUNE_PYTHON) has them: one process that waits while
// other contenders are timed.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readEnv } from "./env.js";

export interface PythonPeers {
  readonly names: readonly ("numpy" | "scikit-learn")[];
  /**
   * Milliseconds of one run, measured in Python, as the mean of `times` runs. The tasks online and refit give the
   * processor's time.
   */
  time(request: PythonRequest): Promise<number>;
  close(): void;
}

interface PythonRequest {
  readonly peer: "numpy" | "scikit-learn";
  readonly task: "linear" | "elm" | "oselm" | "online" | "refit";
  /**
   * linear: features, samples; elm: features, samples, hidden units; oselm: features, hidden units;
   * online: features, rows before; refit: features, rows.
   */
  readonly sizes: readonly number[];
  readonly times: number;
}

const script = fileURLToPath(new URL("../python-peers.py", import.meta.url));

/** The peers have no names if there is no Python with NumPy. */
export async function startPython(): Promise<PythonPeers> {
  const { python, inherited } = readEnv();
  const env = { ...inherited, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
  const child = spawn(python, [script], { env, stdio: ["pipe", "pipe", "ignore"] });
  // A Python that cannot start or ends early is recognised by its missing answer.
  child.stdin.on("error", () => undefined);
  const answers = lines(child);
  const first = await answers();
  const names = first === undefined ? [] : (JSON.parse(first) as { peers: PythonPeers["names"] }).peers;
  return {
    names,
    async time(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer = await answers();
      if (answer === undefined) throw new Error(`${python} ended while it trained with ${request.peer}`);
      return JSON.parse(answer) as number;
    },
    close: () => void child.stdin.end(),
  };
}

/** The next line of the child's output; undefined after its end. */
function lines(child: ChildProcess): () => Promise<string | undefined> {
  let buffered = "";
  let ended = false;
  let wake = () => {};
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    buffered += text;
    wake();
  });
  const end = () => {
    ended = true;
    wake();
  };
  child.once("error", end);
  child.once("close", end);
  return async () => {
    for (;;) {
      const at = buffered.indexOf("\n");
      if (at >= 0) {
        const line = buffered.slice(0, at);
        buffered = buffered.slice(at + 1);
        return line;
      }
      if (ended) return undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
