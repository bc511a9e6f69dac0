// Finds the server for the commands that speak to one.

import { findServer, type ServerAccess } from "../client/fleet-client.js";
import { readEnv } from "../env.js";

export async function accessOf(values: {
  readonly server?: string | undefined;
  readonly "admin-token-file"?: string | undefined;
  readonly home?: string | undefined;
  readonly reason?: string | undefined;
}): Promise<ServerAccess> {
  const access = await findServer({
    home: values.home ?? readEnv().home,
    server: values.server,
    adminTokenFile: values["admin-token-file"],
  });
  return { ...access, reason: values.reason };
}
