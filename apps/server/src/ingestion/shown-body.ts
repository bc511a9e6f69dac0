// The fields of one device's report that its manager may see. Pure.

import type { Contracts } from "@attune/shared/contracts/egress";

export type Body = Readonly<Record<string, string | number | null>>;

/**
 * Leaves out each field that the message's own version declares to be about the person. Version 1 says so of no field,
 * and an unknown version of all.
 */
export function shownBody(contracts: Contracts, body: Body): Body {
  const fields = contracts.declaration(Number(body.contract), String(body.type))?.fields ?? {};
  const isShown = (name: string) =>
    name === "type" || name === "contract" || (Object.hasOwn(fields, name) && fields[name]!.about !== "person");
  return Object.fromEntries(Object.entries(body).filter(([name]) => isShown(name)));
}
