import { expect, test } from "vitest";
import { createAdminCheck } from "./admin-token.js";

test("only the whole token in a bearer header is the fleet manager's", () => {
  const isAdmin = createAdminCheck("secret");
  expect(isAdmin("Bearer secret")).toBe(true);
  expect(isAdmin("bearer secret")).toBe(true);
  for (const header of [
    undefined,
    "",
    "secret",
    "Bearer ",
    "Bearer secre",
    "Bearer secrets",
    "Basic secret",
    "Bearer secret x",
  ]) {
    expect(isAdmin(header)).toBe(false);
  }
});
