// The fleet manager's token, made at the first start and kept in a file that only the server's user can read.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";

/** Whether an `authorization` header carries the admin token. */
type IsAdmin = (authorization: string | undefined) => boolean;

export async function openAdminToken(path: string): Promise<IsAdmin> {
  const stored = (await readTextFile(path))?.trim();
  const token = stored ?? randomBytes(32).toString("hex");
  if (stored === undefined) await writeFileDurably(path, `${token}\n`, { mode: 0o600 });
  return createAdminCheck(token);
}

/** Compares digests in constant time: the time taken reveals neither the token's length nor a common beginning. */
export function createAdminCheck(token: string): IsAdmin {
  const expected = digest(token);
  return (authorization) => {
    const match = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "");
    return match?.[1] !== undefined && timingSafeEqual(digest(match[1]), expected);
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
