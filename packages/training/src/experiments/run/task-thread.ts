// A thread of `attune experiment`: opens the given experiments and computes the tasks whose keys it receives.

import { parentPort, workerData } from "node:worker_threads";
import { openExperiments } from "./experiment.js";
import type { ThreadMessage } from "./lanes.js";
import type { ExperimentRequest } from "./options.js";

const port = parentPort!;
const send = (message: ThreadMessage) => port.postMessage(message);
const { tasks } = openExperiments(workerData as ExperimentRequest);
const byKey = new Map(tasks.map((task) => [task.key, task]));

port.on("message", async (key: string) => {
  try {
    const task = byKey.get(key);
    if (task === undefined) throw new Error("the data or the extractor changed while the experiment ran; run it again");
    send({ finding: await task.compute((fraction: number) => send({ fraction })) });
  } catch (error) {
    const { message, stack, code } = error as NodeJS.ErrnoException;
    send({
      fault: {
        message,
        ...(stack === undefined ? {} : { stack }),
        ...(code === undefined ? {} : { code }),
      },
    });
  }
});
