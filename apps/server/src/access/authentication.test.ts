import { expect, test } from "vitest";
import { assertMay, type Caller } from "../callers/roles.js";
import type { FoundToken } from "./access.repository.js";
import { type AccessKind, isAccessName, newSecret, parseSecret } from "./access-secret.js";
import { createAuthentication } from "./authentication.js";

const noon = Date.UTC(2026, 0, 1, 12);

function stored(kind: AccessKind, changes: Partial<FoundToken> = {}) {
  const fresh = newSecret(kind);
  const token: FoundToken = {
    ...{ id: fresh.id, kind, name: "nora", roles: ["viewer"], secretSha256: fresh.secretSha256 },
    ...{ createdAt: new Date(noon - 1), expiresAt: new Date(noon + 1), usedAt: null, revokedAt: null },
    ...{ parentId: null, parent: null, ...changes },
  };
  return { token, text: fresh.text };
}

async function callerOf(text: string, known: FoundToken): Promise<Caller | undefined> {
  const authentication = createAuthentication({
    isOwner: (header) => header === "Bearer admin",
    find: async (id) => (id === known.id ? known : null),
    now: () => noon,
  });
  return authentication.callerOf(`Bearer ${text}`);
}

test("a token signs in its holder, and the admin token the owner", async () => {
  const { token, text } = stored("api");
  expect(await callerOf(text, token)).toEqual({ name: "nora", roles: ["viewer"], tokenId: token.id, kind: "api" });
  expect(await callerOf("admin", token)).toMatchObject({ name: "owner", kind: "owner" });
});

test.each<[string, Partial<FoundToken>]>([
  ["has ended", { expiresAt: new Date(noon) }],
  ["was revoked", { revokedAt: new Date(noon - 1) }],
  ["is of another kind", { kind: "session" }],
  ["stands behind a revoked token", { parent: stored("api", { revokedAt: new Date(noon) }).token }],
  ["stands behind a token that has ended", { parent: stored("api", { expiresAt: new Date(noon) }).token }],
])("a token that %s signs nobody in", async (_why, changes) => {
  const { token, text } = stored("api", changes);
  expect(await callerOf(text, token)).toBeUndefined();
});

test("another secret under a known number signs nobody in, and neither does a link", async () => {
  const { token, text } = stored("api");
  const guessed = text.slice(0, -1) + (text.endsWith("0") ? "1" : "0");
  expect(parseSecret(guessed)?.id).toBe(token.id);
  expect(await callerOf(guessed, token)).toBeUndefined();
  const link = stored("link");
  expect(await callerOf(link.text, link.token)).toBeUndefined();
});

test("a secret has 256 random bits, and is never made twice", () => {
  const made = Array.from({ length: 100 }, () => newSecret("api").text);
  expect(new Set(made).size).toBe(100);
  for (const text of made) expect(text).toMatch(/^attune-api\.[0-9a-f]{16}\.[0-9a-f]{64}$/);
});

test.each(["owner", "server", "Nora", "", "a b", "1a", "x".repeat(33)])("%j is no name of a token", (name) => {
  expect(isAccessName(name)).toBe(false);
});

test("a refusal names the needed role and the roles that the caller has", () => {
  const caller: Caller = { name: "nora", roles: ["viewer", "auditor"], tokenId: "0", kind: "api" };
  expect(() => assertMay(caller, "manager")).toThrow(
    expect.objectContaining({
      code: "FORBIDDEN",
      message: "this call needs the role manager; nora has viewer, auditor",
    }),
  );
  expect(() => assertMay(undefined, "manager")).toThrow(expect.objectContaining({ code: "UNAUTHORIZED" }));
  expect(() => assertMay({ ...caller, roles: ["approver"] }, "viewer")).not.toThrow();
  expect(() => assertMay({ ...caller, roles: [] }, "viewer")).toThrow(expect.objectContaining({ code: "FORBIDDEN" }));
});
