// Enrolment spends a one-time token. The device's key is made here, and its secret half stays on the device.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type Message, signedBytes } from "@attune/shared/contracts/egress";
import { quantize } from "@attune/shared/contracts/egress-declaration";
import { type EnrolmentReply, enrolmentReplySchema, enrolmentTokenPattern } from "@attune/shared/contracts/enrolment";
import type { Enrolment } from "@attune/shared/contracts/local-api";
import { toBase64 } from "@attune/shared/encoding";
import { AppError } from "@attune/shared/errors";
import { pinnedRoot } from "@attune/shared/trust/root";
import type { AgentOptions } from "../agent-api.js";
import { type Context, type Credentials, keys } from "../agent-state.js";
import { withTimeout } from "../concurrency/timeout.js";
import { putConsent } from "../egress/consent.js";
import { putRecord } from "../storage/records.js";
import { type Enrolled, type Identity, putEnrolled } from "../trust/identity.js";

interface EnrolInput {
  readonly token: string;
  readonly options: AgentOptions;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export async function enrol({ ports, agentState, egress, contracts }: Context, input: EnrolInput): Promise<Enrolment> {
  const { hashing, deviceKey, control, store, clock } = ports;
  const { options, timeoutMs, signal } = input;
  const [, fingerprint, secret] = enrolmentTokenPattern.exec(input.token.trim()) ?? [];
  if (fingerprint === undefined || secret === undefined) {
    throw new AppError("TOKEN_INVALID", "the token is not of the form attune1.<fingerprint>.<secret>");
  }
  const tokenSha256 = await hashing.sha256(new TextEncoder().encode(secret));
  if (agentState.identity !== undefined) {
    if (agentState.identity.tokenSha256 === tokenSha256) return enrolmentOf(agentState.identity, agentState.epoch);
    throw new AppError("ALREADY_ENROLLED", `this is device ${agentState.identity.device} already`);
  }
  const declaration = contracts.declaration(egress.contract, "enrol")!;
  const fields = {
    token: secret,
    nkey: await deviceKey.create(),
    epoch: agentState.epoch,
    deviceKind: options.deviceKind,
    engine: ports.engine.name,
    memory: quantize(declaration.fields.memory!.domain, options.memoryMib) ?? 0,
  } as Omit<Message<"enrol">, "type" | "contract">;
  const answer = await egress.send("enrol", fields, async (cleared) => {
    const proof = toBase64(await deviceKey.sign(signedBytes(declaration, cleared.bytes)));
    return withTimeout((asking) => control.enrol(cleared, proof, asking), { clock, timeoutMs, signal });
  });
  const reply = parseReply(answer, egress.contract);
  if ((await hashing.sha256(canonicalBytes(reply.releaseKeys))) !== fingerprint) {
    throw new AppError("TOKEN_INVALID", "the server's release keys are not the ones that the token names");
  }
  const { device, fleet, releaseKeys, nats } = reply;
  const identity: Identity = { version: 2, device, fleet, tokenSha256 };
  const enrolled: Enrolled = { identity, root: pinnedRoot(releaseKeys) };
  const credentials: Credentials = { version: 1, ...nats };
  const records = [putRecord(keys.credentials, credentials), putConsent(agentState.agreedContract)];
  await store.batch([...putEnrolled(enrolled), ...records]);
  agentState.identity = identity;
  agentState.root = enrolled.root;
  agentState.credentials = credentials;
  return enrolmentOf(identity, agentState.epoch);
}

function parseReply(answer: unknown, contract: number): EnrolmentReply {
  const parsed = enrolmentReplySchema.safeParse(answer);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") || "(whole)";
    throw new AppError("SERVER_UNAVAILABLE", `the server's answer to the enrolment is malformed at ${field}`);
  }
  const { egressContractVersion: theirs } = parsed.data;
  if (theirs !== contract) {
    throw new AppError("CONFLICT", `the server speaks egress contract ${theirs}, this agent ${contract}`);
  }
  return parsed.data;
}

function enrolmentOf({ device, fleet }: Identity, epoch: string): Enrolment {
  return { device, fleet, epoch };
}
