// The server's address as given by flag, variable or an earlier enrolment.

import { AppError } from "@attune/shared/errors";

export function requireServer(address: string | undefined): string {
  if (address === undefined) throw new AppError("INVALID_CONFIGURATION", "--server (or ATTUNE_SERVER) is missing");
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.pathname !== "/") {
    throw new AppError("INVALID_CONFIGURATION", "--server must be an address like http://host:port or https://host");
  }
  return url.origin;
}
