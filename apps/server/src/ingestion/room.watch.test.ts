import { expect, test } from "vitest";
import { diskRoom, type Room, watchRoom } from "./room.watch.js";

test("room that runs short is reported once, with what to do, and once more when there is room again", async () => {
  const ending = new AbortController();
  const frees = [500, 90, 110, 80, 124, 126, 400];
  const disk = async (): Promise<Room> => ({ freeBytes: frees.shift() ?? 400, wantedBytes: 100 });
  const stream = async (): Promise<Room> => {
    if (frees.length === 0) ending.abort();
    throw new Error("the broker is away");
  };
  const lines: [string, unknown][] = [];
  const write = (event: string, fields?: object) => lines.push([event, (fields as Room).freeBytes]);
  const log = { error: write, info: write };
  await watchRoom({ rooms: { disk, stream }, log, signal: ending.signal, intervalMs: 1 });
  expect(lines).toEqual([
    ["disk.nearlyFull", 90],
    ["disk.roomAgain", 126],
  ]);
});

test("the disk of a directory is measured", async () => {
  const { freeBytes, wantedBytes } = await diskRoom(".")();
  expect(freeBytes).toBeGreaterThan(0);
  expect(wantedBytes).toBeGreaterThan(0);
  expect(wantedBytes).toBeLessThanOrEqual(1024 ** 3);
});
