// Checks the files that operators install.

import { expect, test } from "vitest";
import { read } from "./tree.js";

test("the agent's service keeps what the person said off the disk and the system calls to those of a service", () => {
  const lines = read("infra/systemd/attune-agent.service").split("\n");
  for (const line of [
    "LimitCORE=0",
    "MemorySwapMax=0",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "UMask=0077",
  ]) {
    expect(lines).toContain(line);
  }
});
