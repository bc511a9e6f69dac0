import { expect, test } from "vitest";
import { createRandom, type Random } from "./random.js";

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.next());

test("repeats a seed's stream and gives another seed, near or far, another one", () => {
  expect(draw(createRandom(7), 20)).toEqual(draw(createRandom(7), 20));
  for (const other of [8, -7, 7 + 2 ** 32, 0]) {
    expect(draw(createRandom(7), 5)).not.toEqual(draw(createRandom(other), 5));
  }
  expect(() => createRandom(1.5)).toThrow("whole number");
});

test("keeps its stream from version to version, so that a recorded seed stays reproducible", () => {
  const random = createRandom(42);
  expect([random.integer(1000), random.integer(1000), random.integer(1000)]).toEqual([42, 528, 406]);
});

test("draws uniformly in [0, 1), and whole numbers in every place alike", () => {
  const random = createRandom(1);
  const values = draw(random, 20_000);
  expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 2);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.integer(7)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  expect(() => random.integer(0)).toThrow("at least 1");
});

test("draws normals of mean 0 and variance 1", () => {
  const random = createRandom(2);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < 50_000; i++) {
    const value = random.normal();
    sum += value;
    squares += value * value;
  }
  expect(Math.abs(sum / 50_000)).toBeLessThan(0.02);
  expect(Math.abs(squares / 50_000 - 1)).toBeLessThan(0.03);
});

test("shuffles arrays and typed arrays into every order about equally often", () => {
  const random = createRandom(3);
  const seen = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const items = Int32Array.of(1, 2, 3);
    random.shuffle(items);
    seen.set(items.join(), (seen.get(items.join()) ?? 0) + 1);
  }
  expect(seen.size).toBe(6);
  for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  const letters = ["a", "b", "c", "d"];
  random.shuffle(letters);
  expect(letters.toSorted()).toEqual(["a", "b", "c", "d"]);
});

test("forks a generator whose draws do not change the parent's", () => {
  const [one, two] = [createRandom(5), createRandom(5)];
  draw(one.fork(), 100);
  two.fork();
  expect(one.next()).toBe(two.next());
  expect(draw(createRandom(5).fork(), 3)).not.toEqual(draw(createRandom(5), 3));
});
