import { expect, test } from "vitest";
import { createAppRouter, type RoutedServices } from "./app-router.js";
import { type Caller, type NeededRole, roles } from "./callers/roles.js";
import type { ProcedureMeta } from "./trpc.js";

/** Which role each procedure needs. A new procedure without a row fails. */
const needed: Record<string, NeededRole | "nobody's"> = {
  "device.enrol": "nobody's",
  "device.poll": "nobody's",
  "device.list": "viewer",
  "device.tag": "manager",
  "device.timeline": "viewer",
  "device.decommission": "manager",
  "device.revoke": "manager",
  "fleet.create": "manager",
  "fleet.list": "viewer",
  "token.create": "manager",
  "release.publish": "manager",
  "release.list": "viewer",
  "release.get": "viewer",
  "release.compare": "viewer",
  "release.annotate": "manager",
  "release.collect": "manager",
  "model.list": "viewer",
  "model.get": "viewer",
  "model.setAlias": "manager",
  "model.deleteAlias": "manager",
  "rollout.create": "manager",
  "rollout.status": "viewer",
  "rollout.plan": "manager",
  "rollout.start": "manager",
  "rollout.pause": "manager",
  "rollout.resume": "manager",
  "rollout.abort": "manager",
  "report.list": "viewer",
  "report.summary": "viewer",
  "report.averages": "viewer",
  "audit.device": "auditor",
  "access.create": "owner",
  "access.list": "auditor",
  "access.revoke": "owner",
  "access.link": "viewer",
  "access.redeem": "nobody's",
  "access.events": "auditor",
};

const none = new Proxy({}, { get: () => () => undefined }) as never;
const router = createAppRouter(new Proxy({}, { get: () => none }) as RoutedServices);
const { _def: definition } = router as unknown as {
  readonly _def: { readonly procedures: Record<string, { readonly _def: { readonly meta?: ProcedureMeta } }> };
};
const procedures = Object.entries(definition.procedures);

test("the table names every procedure and the role that it declares", () => {
  const declared = procedures.map(([name, { _def }]) => [name, _def.meta?.needs ?? "nobody's"]);
  expect(Object.fromEntries(declared)).toEqual(needed);
});

const budget = { take: () => true, giveBack: () => undefined };
function call(path: string, caller: Caller | undefined): Promise<unknown> {
  const calls = router.createCaller({ caller, reason: null, host: undefined, manifestVersion: 2, budget });
  const [noun, verb] = path.split(".") as [string, string];
  return (calls as unknown as Record<string, Record<string, (input?: unknown) => Promise<unknown>>>)[noun]![verb]!();
}

test.each(Object.entries(needed).filter(([, needs]) => needs !== "nobody's"))(
  "%s lets in the holders of the role %s, and refuses everyone else before it reads the input",
  async (path, needs) => {
    await expect(call(path, undefined)).rejects.toThrow(`needs the role ${needs}`);
    for (const role of roles) {
      const caller: Caller = { name: "nora", roles: [role], tokenId: "0", kind: "api" };
      const refused = await call(path, caller).then(
        () => false,
        ({ message }: Error) => message === `this call needs the role ${needs}; nora has ${role}`,
      );
      expect([role, refused]).toEqual([role, needs !== "viewer" && needs !== role]);
    }
  },
);
