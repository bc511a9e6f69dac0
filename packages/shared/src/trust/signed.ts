// Signed envelopes: Ed25519 over canonical JSON, with a threshold of distinct keys. Everything that is signed is
// checked here. The caller passes the cryptography of its host (Node or WebCrypto) as a function.

import { z } from "zod";
import { canonicalBytes } from "../canonical-json.js";
import { fromBase64 } from "../encoding.js";
import { accept, type Result, refuse } from "../result.js";
import { ed25519SignatureSchema, keyIdSchema, maxSigners, type VerifyEd25519 } from "./keys.js";
import type { RoleName, Root } from "./root.js";

export const signedEnvelopeSchema = z.strictObject({
  payload: z.record(z.string(), z.unknown()),
  signatures: z
    .array(z.strictObject({ keyId: keyIdSchema, signature: ed25519SignatureSchema }))
    .min(1)
    .max(maxSigners),
});
export type SignedEnvelope = z.infer<typeof signedEnvelopeSchema>;

interface Authority {
  readonly root: Root;
  readonly role: RoleName;
}

export type TrustFault = "malformed" | "unknownRole" | "signature";

/**
 * Returns the payload once at least `threshold` distinct keys of the role have signed it. A key that signs twice
 * counts once, also under two ids. A key without the role does not count, and one bad signature does not
 * invalidate the good ones.
 */
export async function verifySigned(
  signed: unknown,
  { root, role }: Authority,
  verifyEd25519: VerifyEd25519,
): Promise<Result<SignedEnvelope["payload"], TrustFault>> {
  const envelope = signedEnvelopeSchema.safeParse(signed);
  if (!envelope.success) return refuse("malformed", "is not a signed envelope");
  const trusted = root.roles[role];
  if (trusted === undefined) return refuse("unknownRole", `is signed in the role ${role}, which no key has`);
  const { payload, signatures } = envelope.data;
  const message = messageOf(payload);
  if (message === undefined) return refuse("malformed", "cannot be written as canonical JSON");
  const signers = new Set<string>();
  for (const { keyId, signature } of signatures) {
    const publicKey = trusted.keyIds.includes(keyId) ? root.keys[keyId] : undefined;
    if (publicKey === undefined || signers.has(publicKey)) continue;
    const input = { publicKey: fromBase64(publicKey), message, signature: fromBase64(signature) };
    if (await verifyEd25519(input)) signers.add(publicKey);
  }
  if (signers.size >= trusted.threshold) return accept(payload);
  return refuse("signature", `has ${signers.size} of the ${trusted.threshold} signatures that it needs`);
}

/** The bytes that were signed; undefined where the payload holds a value that canonical JSON cannot express. */
function messageOf(payload: SignedEnvelope["payload"]): Uint8Array | undefined {
  try {
    return canonicalBytes(payload);
  } catch {
    return undefined;
  }
}
