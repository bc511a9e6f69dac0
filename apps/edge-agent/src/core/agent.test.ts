// The agent as a whole over fake ports: from enrolment to reports, and what it refuses on the way.

import { describe, expect, it } from "vitest";
import { createDevice, type Device } from "../../../../test/fakes/device.js";
import { createTinyRelease, sayings } from "../../../../test/fakes/tiny-release.js";

async function withRelease(device: Device): Promise<() => Promise<void>> {
  device.fleet.publish(createTinyRelease());
  await device.enrol();
  const stop = device.start();
  await device.clock.until(async () => (await device.agent.status()).updateState === "committed");
  return stop;
}

describe("the agent", () => {
  it("enrols, takes its first release, predicts, learns from labels and reports", async () => {
    const device = createDevice();
    const stop = await withRelease(device);
    const { agent, fleet } = device;
    expect((await agent.predict({ text: "so happy !" })).head).toBe("prior");
    for (const said of sayings(140, 1)) await agent.label(said);
    const learned = await agent.learn({ report: true });
    expect(learned.holdout).toBeGreaterThan(15);
    expect(learned.f1Personal!).toBeGreaterThan(learned.f1Prior!);
    expect((await agent.predict({ text: "the blimey is" })).head).toBe("personal");
    await device.clock.until(async () => (await agent.status()).outbox.pending === 0);
    const types = [...fleet.received.values()].map((body) => JSON.parse(body).type).sort();
    expect(types).toEqual(["report.metrics", "report.metrics", "report.metrics", "report.state"]);
    await stop();
  });
});
