// The separate process of broker-tls.test.ts, because Node reads NODE_EXTRA_CA_CERTS once, when it starts.
// Opens the server's connections and a device's to the broker at one address, and prints each outcome.

import { join } from "node:path";
import { reportStream, reportStreamSubjects, reportSubject } from "@attune/shared/subjects";
import { jetstreamManager } from "@nats-io/jetstream";
import { createLogger } from "../../apps/edge-agent/dist/node/logger.js";
import { createNatsTransport } from "../../apps/edge-agent/dist/node/nats-transport.js";
import { createDeviceKey } from "../../apps/edge-agent/dist/node/nkey.js";
import { placesOf } from "../../apps/server/dist/platform/home.js";
import { startNats } from "../../apps/server/dist/platform/nats/nats.js";
import { createNatsCredentials } from "../../apps/server/dist/platform/nats/nats-credentials.js";
import { openNatsKeys } from "../../apps/server/dist/platform/nats/nats-keys.js";
import { createLogger as createServerLogger } from "../../packages/platform/dist/logger.js";

const [url, home] = process.argv.slice(2);
const places = placesOf(home);
const fleet = "home";
const device = "d".repeat(32);

async function connectServer() {
  const logger = createServerLogger({ level: "silent", write: () => undefined });
  const nats = await startNats({ places, logger, now: Date.now, externalUrl: url });
  const { streams } = await jetstreamManager(nats.connection);
  await streams.add({ name: reportStream, subjects: [reportStreamSubjects] });
  return nats;
}

async function connectDevice() {
  const keys = await openNatsKeys(places.keys);
  const systemConnection = () => undefined;
  const credentials = await createNatsCredentials({ keys, directory: places.keys, now: Date.now, systemConnection });
  const deviceKey = createDeviceKey(join(home, "device.seed"));
  const nkeyPublic = await deviceKey.create();
  const userJwt = await credentials.createDeviceJwt({ nkeyPublic, fleet, device, lifeMs: 600_000 });
  const log = createLogger("warn", (line) => logged.push(JSON.parse(line)));
  const transport = createNatsTransport({ deviceKey, log });
  const { signal } = new AbortController();
  const connection = await transport.connect({ urls: [url], userJwt, device, fleet }, signal);
  const report = { type: "report.state", bytes: new TextEncoder().encode("{}") };
  await connection.publish(report, { subject: reportSubject(fleet, device), messageId: "1" }, signal);
  return { stop: () => connection.close() };
}

const logged = [];
const outcomes = {};
const connected = [];
for (const [side, connect] of Object.entries({ server: connectServer, device: connectDevice })) {
  try {
    connected.push(await connect());
    outcomes[side] = "connected";
  } catch ({ code, message }) {
    outcomes[side] = `${code}: ${message}`;
  }
}
for (const connection of connected.reverse()) await connection.stop();
console.log(JSON.stringify({ ...outcomes, fault: logged[0]?.fault }));
