// Pushes an account's JWT to every nats-server.

import { AppError } from "@attune/shared/errors";
import type { NatsConnection } from "@nats-io/nats-core";

/** `connection`: of the system account. Throws NATS_UNAVAILABLE where the JWT does not arrive. */
export async function pushAccount(connection: NatsConnection | undefined, jwt: string): Promise<void> {
  if (connection === undefined) {
    throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet");
  }
  const limitBytes = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  if (jwt.length > limitBytes) {
    const remedy = `raise the broker's max_payload of ${limitBytes} bytes to 1MB, or restart it with its account files written anew`;
    throw new AppError(
      "NATS_UNAVAILABLE",
      `the account's update has ${jwt.length} bytes and cannot be pushed: ${remedy}`,
    );
  }
  try {
    const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", jwt, { timeout: 5_000 });
    const { error } = reply.json<{ error?: { description?: string } }>();
    if (error !== undefined) throw new Error(error.description ?? "nats-server refused the account's update");
  } catch (cause) {
    throw new AppError("NATS_UNAVAILABLE", "the account's update is saved but could not be pushed yet", { cause });
  }
}
