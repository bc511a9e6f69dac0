// `attune server`: runs the server until it is asked to stop.

import { resolve } from "node:path";
import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { createLogger } from "@attune/platform/logger";
import { standardStream } from "@attune/platform/standard-stream";
import { createLogLines } from "@attune/shared/output";
import { demonstrationContracts } from "../contract-window.js";
import { readEnv } from "../env.js";
import { runServer } from "../main.js";
import { makePlaces, placesOf } from "../platform/home.js";
import { prepareExternalNats } from "../platform/nats/nats.js";
import type { server } from "./declarations/local.js";

export const serve: Body<typeof server, CommandIo> = async ({ values }, io) => {
  const environment = readEnv();
  const env = values.home === undefined ? environment : { ...environment, home: resolve(values.home) };
  const logger = createLogger({ level: env.logLevel, write: createLogLines(standardStream(process.stderr)) });
  if (values["write-nats-config"] !== undefined) {
    const places = placesOf(env.home);
    await makePlaces(places);
    const directory = resolve(values["write-nats-config"]);
    const address = values["nats-listen"];
    const configuration = await prepareExternalNats({ places, directory, ...address, now: Date.now, logger });
    io.stdout(io.json ? JSON.stringify({ configuration }) : configuration);
    return;
  }
  await runServer({
    env,
    logger,
    ...(values.demo ? demonstrationContracts() : {}),
    onReady: ({ httpUrl, natsUrl }) => {
      if (io.json) io.stdout(JSON.stringify({ httpUrl, natsUrl, pid: process.pid }));
      else io.stdout(`ready: ${httpUrl} (NATS: ${natsUrl}), kept in ${env.home}`);
    },
  });
};
