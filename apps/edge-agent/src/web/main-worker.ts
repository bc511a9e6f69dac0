// The dedicated worker that hosts the agent for a page of the server's own origin.

import { z } from "zod";
import { hostAgent, type PagePort } from "./agent-host.js";
import { openWebAgent } from "./web-agent.js";
import { workerLog } from "./worker-log.js";

// The page's policy allows no code that is made of text.
z.config({ jitless: true });

hostAgent({
  page: self as unknown as PagePort,
  agent: openWebAgent({
    origin: self.location.origin,
    kernels: new URL("kernels/", self.location.href).href,
    threadScript: new URL("kernels/thread.js", self.location.href).href,
  }),
  log: workerLog,
});
