import { expect, test } from "vitest";
import { timelineOf } from "./timeline.plan.js";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute));
const history = {
  device: {
    ...{ enrolledAt: at(0), lastSeenAt: at(9), releaseSequence: 1, state: "testing", reason: "none" },
    ...{ offeredSequence: 2, offeredAt: at(5) },
  },
  epochs: [{ begunAt: at(0) }, { begunAt: at(3) }],
  reports: [{ type: "report.metrics", sequence: 4, releaseSequence: 1, receivedAt: at(6) }],
  conflicts: [{ sequence: 4, receivedAt: at(7) }],
  events: [{ at: at(8), actor: "nora", reason: "moved", action: "device.tag" }],
};

test("a timeline has all that server, polls and reports say, the latest first", () => {
  expect(timelineOf(history, 100).map(({ at: time, source, what }) => [time.slice(14, 16), source, what])).toEqual([
    ["09", "poll", "runs release 1, state testing, reason none"],
    ["08", "server", "device.tag by nora: moved"],
    ["07", "server", "refused a second, different report 4"],
    ["06", "report", "report.metrics 4 on release 1"],
    ["05", "server", "offered release 2"],
    ["03", "server", "began a new epoch"],
    ["00", "server", "enrolled"],
  ]);
});

test("a limited timeline keeps the latest entries, and a silent device has only its enrolment", () => {
  expect(timelineOf(history, 2).map(({ source }) => source)).toEqual(["poll", "server"]);
  const silent = { ...history, epochs: [], reports: [], conflicts: [], events: [] };
  const device = { ...history.device, lastSeenAt: null, offeredAt: null };
  expect(timelineOf({ ...silent, device }, 100)).toMatchObject([{ what: "enrolled" }]);
});
