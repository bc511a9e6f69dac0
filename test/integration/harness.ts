// A whole server in this process, on free ports and its own directory: real PostgreSQL, real nats-server, real sockets.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { contractsWithMadeUp } from "@attune/fakes/made-up-contract";
import { type App, createApp } from "@attune/server/app";
import { askServer, type ServerAccess } from "@attune/server/client/fleet-client";
import { parseEnv } from "@attune/server/env";
import type { ServerPlaces } from "@attune/server/platform/home";
import { type Database, openDatabase } from "@attune/server/platform/postgres/database";
import { verifyEd25519 } from "@attune/server/signing/sign";
import { canonicalBytes } from "@attune/shared/canonical-json";
import {
  type Contracts,
  createContracts,
  demoContracts,
  firstContract,
  type Message,
  signedBytes,
  wireBody,
} from "@attune/shared/contracts/egress";
import type { MessageDeclaration } from "@attune/shared/contracts/egress-declaration";
import type { EnrolmentReply, SignedEnrolment } from "@attune/shared/contracts/enrolment";
import { type Poll, type SignedTarget, signedTargetSchema } from "@attune/shared/contracts/target-state";
import { inboxPrefix, reportSubject } from "@attune/shared/subjects";
import { pinnedRoot } from "@attune/shared/trust/root";
import { verifySigned } from "@attune/shared/trust/signed";
import { jetstream } from "@nats-io/jetstream";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { createUser, type KeyPair } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { makeTemporaryHome, testLogger } from "./temporary-home.js";

export interface TestServer {
  readonly app: App;
  readonly access: ServerAccess;
  readonly home: Awaited<ReturnType<typeof makeTemporaryHome>>;
  /** The test's own connection, to count rows and to look. */
  readonly database: Database;
  /** Stops this server and starts another in the same directory. */
  restart(changed?: Pick<TestServerOptions, "contracts">): Promise<void>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly now?: () => number;
  /** The versions of the egress contract that the server takes. */
  readonly contracts?: Contracts;
  /** The version that its releases carry. */
  readonly publishedContract?: number;
  /** Puts files or rows into the home before the first start. */
  readonly restore?: (home: ServerPlaces) => Promise<void>;
  /** A broker that runs already: where the server reaches it, and where the devices do. */
  readonly broker?: (home: ServerPlaces) => Promise<{ readonly url: string; readonly publicUrl: string }>;
  readonly natsPingIntervalMs?: number;
}

export async function startTestServer({ restore, broker, ...options }: TestServerOptions = {}): Promise<TestServer> {
  const home = await makeTemporaryHome();
  await restore?.(home);
  const external = await broker?.(home);
  const env = parseEnv({
    ATTUNE_HOME: home.home,
    ATTUNE_HTTP_PORT: "0",
    ATTUNE_NATS_PORT: "0",
    ATTUNE_POSTGRES_PORT: "0",
    NATS_URL: external?.url,
    ATTUNE_PUBLIC_NATS_URL: external?.publicUrl,
    NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
    PATH: process.env.PATH,
    HOME: process.env.HOME,
  });
  const start = (changed = {}) => createApp({ env, logger: testLogger, ...options, ...changed });
  let app = await start();
  const adminToken = (await readFile(home.adminTokenFile, "utf8")).trim();
  const ports = JSON.parse(await readFile(home.portsFile, "utf8")) as Record<string, number>;
  const password = (await readFile(`${home.keys}/postgres.password`, "utf8")).trim();
  const database = openDatabase(
    `postgresql://attune:${password}@127.0.0.1:${ports.ATTUNE_POSTGRES_PORT}/attune`,
    testLogger,
  );
  return {
    get app() {
      return app;
    },
    access: { httpUrl: app.httpUrl, adminToken },
    home,
    database,
    restart: async (changed) => {
      await app.stop();
      app = await start(changed);
    },
    stop: async () => {
      await database.$disconnect();
      await app.stop();
      await home.remove();
    },
  };
}

/** Every version that the product and its tests know. */
const everyContract = createContracts({ ...demoContracts, ...contractsWithMadeUp });

/** A message of any version. */
type Said = Readonly<Record<string, unknown>> & { readonly type: string; readonly contract: number };

export function declarationOf({ type, contract }: Said): MessageDeclaration {
  return everyContract.declaration(contract, type)!;
}

/** A device as the server sees it: its key, the messages that it may send, and their subjects. */
export interface TestDevice {
  readonly key: KeyPair;
  readonly epoch: string;
  readonly reply: EnrolmentReply;
  connect(): Promise<NatsConnection>;
  /** Polls as a device that reads manifests of version 1 alone. */
  poll(fields?: Partial<Message<"poll", 1>>): Promise<SignedTarget>;
  /** A message of the device in the version that it enrolled with. */
  say(type: string, fields: Readonly<Record<string, unknown>>): Said;
  metrics(sequence: number, fields?: Partial<Message<"report.metrics">>): Message<"report.metrics">;
}

export async function createFleet(server: Pick<TestServer, "access">, fleet: string): Promise<void> {
  await askServer(server.access, (client) => client.fleet.create.mutate({ name: fleet }));
}

export async function createToken(server: Pick<TestServer, "access">, fleet: string, ttlMs = 60_000): Promise<string> {
  return (await askServer(server.access, (client) => client.token.create.mutate({ fleet, ttlMs }))).token;
}

export function enrolMessage(token: string, key: KeyPair, epoch: string): Message<"enrol", 1> {
  return {
    type: "enrol",
    contract: firstContract,
    token: token.split(".")[2] as string,
    nkey: key.getPublicKey(),
    epoch,
    deviceKind: "linux",
    engine: "reference",
    memory: 1_024,
  };
}

const sign = (key: KeyPair, bytes: Uint8Array): string => Buffer.from(key.sign(bytes)).toString("base64");

/** Signed as the message's own version declares it. */
export function signSaid(key: KeyPair, message: Said): string {
  return sign(key, signedBytes(declarationOf(message), canonicalBytes(message)));
}

/** An enrolment as a device sends it, with the proof that the device holds the key. */
export function signEnrolment(key: KeyPair, message: Said): SignedEnrolment {
  return { message, proof: signSaid(key, message) };
}

export function signPoll(key: KeyPair, message: Said): Poll {
  return { version: 2, message, signature: signSaid(key, message) };
}

/** A poll as agents signed it before polls had a prefix. */
export function signBarePoll(key: KeyPair, message: Message<"poll", 1>): Poll {
  return { message, signature: sign(key, canonicalBytes(message)) };
}

/** The target that the server has signed. The signature is checked by the keys that the device got at enrolment. */
export async function openTarget(answer: unknown, { releaseKeys }: EnrolmentReply): Promise<SignedTarget> {
  const verified = await verifySigned(answer, { root: pinnedRoot(releaseKeys), role: "timestamp" }, verifyEd25519);
  if (!verified.ok) throw new Error(verified.detail);
  return signedTargetSchema.parse(verified.value);
}

export async function enrolDevice(
  server: Pick<TestServer, "access">,
  fleet: string,
  changed: Readonly<Record<string, unknown>> = {},
): Promise<TestDevice> {
  const key = createUser();
  const epoch = randomBytes(8).toString("hex");
  const message = { ...enrolMessage(await createToken(server, fleet), key, epoch), ...changed };
  const reply = await askServer(server.access, (client) => client.device.enrol.mutate(signEnrolment(key, message)));
  const identity = { contract: firstContract, device: reply.device, epoch } as const;
  const device: TestDevice = {
    key,
    epoch,
    reply,
    connect: () =>
      connect({
        servers: reply.nats.urls,
        authenticator: jwtAuthenticator(reply.nats.userJwt, key.getSeed()),
        inboxPrefix: inboxPrefix(reply.device),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 50,
      }),
    poll: async (fields = {}) => {
      const poll = device.say("poll", { releaseSequence: 0, state: "idle", reason: "none", ...fields });
      const answer = await askServer(server.access, (client) => client.device.poll.mutate(signPoll(key, poll)));
      return openTarget(answer, reply);
    },
    say: (type, fields) => ({ ...identity, contract: message.contract, type, sequence: 1, ...fields }),
    metrics: (sequence, fields = {}) => ({
      type: "report.metrics",
      ...identity,
      sequence,
      releaseSequence: 1,
      engine: "reference",
      headKind: "linear",
      utterances: 100,
      holdout: 25,
      f1Prior: 40,
      f1Personal: 55,
      predictP50: 1_000,
      predictP90: 2_000,
      trainTime: 30,
      ...fields,
    }),
  };
  return device;
}

/** Publishes as a device does, and waits until the broker confirms that the message is on its disk. */
export async function publishReport(connection: NatsConnection, device: TestDevice, message: Said): Promise<void> {
  const body = new TextEncoder().encode(wireBody(declarationOf(message), message));
  await publishBytes(connection, device, body, `${message.epoch}-${message.sequence}`);
}

export async function publishBytes(
  connection: NatsConnection,
  { reply }: TestDevice,
  bytes: Uint8Array,
  msgID?: string,
): Promise<void> {
  const subject = reportSubject(reply.fleet, reply.device);
  await jetstream(connection, { timeout: 5_000 }).publish(subject, bytes, msgID === undefined ? {} : { msgID });
}
