// Access by role, sign-in links and the chain of events, on a real server and its real database.

import { fetchEvents } from "@attune/server/client/events";
import { askServer, type FleetClient, type ServerAccess } from "@attune/server/client/fleet-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, startTestServer, type TestServer } from "./harness.js";

let server: TestServer;
let nowMs = Date.now();

beforeAll(async () => {
  server = await startTestServer({ now: () => nowMs });
});
afterAll(() => server?.stop());

const dayMs = 86_400_000;
type Role = "viewer" | "manager" | "approver" | "auditor";

/** The access of a fresh token. */
async function accessAs(name: string, ...roles: Role[]): Promise<ServerAccess & { readonly id: string }> {
  const { id, token } = await asOwner((client) => client.access.create.mutate({ name, roles, ttlMs: dayMs }));
  return { httpUrl: server.app.httpUrl, adminToken: token, id };
}
const asOwner = <T>(ask: (client: FleetClient) => Promise<T>) => askServer(server.access, ask);
const eventsNow = () => fetchEvents(server.access, 1_000);

test("a manager creates a fleet and a token, and its events name actor and reason; a viewer may only look", async () => {
  const manager = { ...(await accessAs("nora", "manager")), reason: "a new building – größer" };
  await createFleet({ access: manager }, "berlin");
  await askServer(manager, (client) => client.token.create.mutate({ fleet: "berlin", ttlMs: 60_000 }));
  const viewer = await accessAs("vera", "viewer");
  expect(await askServer(viewer, (client) => client.fleet.list.query())).toHaveLength(1);
  await expect(createFleet({ access: viewer }, "other")).rejects.toMatchObject({
    code: "FORBIDDEN",
    message: "this call needs the role manager; vera has viewer",
  });
  const { events, fault } = await eventsNow();
  expect(fault).toBeNull();
  expect(events.filter(({ actor }) => actor === "nora")).toMatchObject([
    { action: "fleet.create", subject: "berlin", reason: "a new building – größer" },
    { action: "token.create", subject: "berlin" },
  ]);
  expect(events.filter(({ actor }) => actor === "vera")).toEqual([]);
});

test("a change that does not happen leaves no event", async () => {
  const { head } = await eventsNow();
  await createFleet(server, "berlin");
  await expect(
    asOwner((client) => client.token.create.mutate({ fleet: "nowhere", ttlMs: 60_000 })),
  ).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect((await eventsNow()).head).toEqual(head);
});

test("a dozen changes at once make one chain without gaps", async () => {
  const before = (await eventsNow()).head.sequence;
  await Promise.all(Array.from({ length: 12 }, (_, index) => createFleet(server, `fleet-${index}`)));
  const { head, fault } = await eventsNow();
  expect({ fault, added: head.sequence - before }).toEqual({ fault: null, added: 12 });
});

test("an event that somebody changes in the database breaks the chain, and restoring it mends it", async () => {
  const where = { sequence: 2 };
  const { actor } = await server.database.auditEvent.findUniqueOrThrow({ where });
  await server.database.auditEvent.update({ where, data: { actor: "mallory" } });
  expect((await eventsNow()).fault).toBe("event 2 was changed after it was written");
  await server.database.auditEvent.update({ where, data: { actor } });
  expect((await eventsNow()).fault).toBeNull();
});

test("the database holds no secret of a token, and a token ends by revocation and by time", async () => {
  const viewer = await accessAs("tim", "viewer");
  const look = () => askServer(viewer, (client) => client.fleet.list.query());
  await look();
  const secret = viewer.adminToken.split(".")[2] as string;
  expect(JSON.stringify(await server.database.accessToken.findMany())).not.toContain(secret);
  await asOwner((client) => client.access.revoke.mutate({ id: viewer.id }));
  await expect(look()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  const later = await accessAs("tom", "viewer");
  nowMs += dayMs;
  const ended = askServer(later, (client) => client.fleet.list.query());
  await expect(ended).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("a sign-in link signs in once within five minutes, as its maker, and ends with the maker's token", async () => {
  const maker = await accessAs("nora", "manager", "approver");
  const link = () => askServer(maker, (client) => client.access.link.mutate());
  const stranger = { httpUrl: server.app.httpUrl, adminToken: "none" };
  const redeem = (text: string) => askServer(stranger, (client) => client.access.redeem.mutate({ link: text }));

  const { token: text } = await link();
  const both = await Promise.allSettled([redeem(text), redeem(text)]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  await expect(redeem(text)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  const session = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))[0]!;
  expect(session).toMatchObject({ name: "nora", roles: ["manager", "approver"] });

  const signedIn = { ...stranger, adminToken: session.token };
  await createFleet({ access: signedIn }, "by-session");
  expect((await eventsNow()).events.at(-1)).toMatchObject({ actor: "nora", subject: "by-session" });
  await expect(askServer(signedIn, (client) => client.access.link.mutate())).rejects.toMatchObject({
    code: "FORBIDDEN",
  });

  const late = (await link()).token;
  nowMs += 5 * 60_000;
  await expect(redeem(late)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  await asOwner((client) => client.access.revoke.mutate({ id: maker.id }));
  await expect(createFleet({ access: signedIn }, "after")).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("the owner's session has every role, and gives no access to others", async () => {
  const { token } = await asOwner((client) => client.access.link.mutate());
  const session = await asOwner((client) => client.access.redeem.mutate({ link: token }));
  const signedIn = { httpUrl: server.app.httpUrl, adminToken: session.token };
  await createFleet({ access: signedIn }, "by-owner");
  const wider = askServer(signedIn, (client) =>
    client.access.create.mutate({ name: "eve", roles: ["manager"], ttlMs: dayMs }),
  );
  await expect(wider).rejects.toMatchObject({ code: "FORBIDDEN", message: expect.stringContaining("role owner") });
});

test("a manager's token uploads chunks, and a viewer's does not", async () => {
  const bytes = new TextEncoder().encode("chunk");
  const sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
  const put = async (access: ServerAccess) => {
    const headers = { authorization: `Bearer ${access.adminToken}`, "content-type": "application/octet-stream" };
    return (await fetch(`${access.httpUrl}/v1/chunks/${sha256}`, { method: "PUT", headers, body: bytes })).status;
  };
  expect(await put(await accessAs("vera", "viewer"))).toBe(403);
  expect(await put(await accessAs("nora", "manager"))).toBe(204);
});

test("a revoked device's event is written once, however often the revocation is repeated", async () => {
  await createFleet(server, "revoking");
  const { reply } = await enrolDevice(server, "revoking");
  for (let i = 0; i < 2; i++) await asOwner((client) => client.device.revoke.mutate({ device: reply.device }));
  const { events } = await eventsNow();
  expect(events.filter(({ action }) => action === "device.revoke")).toMatchObject([{ subject: reply.device }]);
});
