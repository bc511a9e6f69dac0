import { fileURLToPath } from "node:url";
import { createDevice } from "@attune/fakes/device";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { maxUtteranceCodePoints } from "@attune/shared/contracts/local-api";
import { type LocalOperation, localOperations } from "@attune/shared/contracts/local-operations";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import type { z } from "zod";
import { openApiDocument } from "./openapi.js";

const page = fileURLToPath(new URL("../../../../docs/local-api.json", import.meta.url));
const document = openApiDocument();

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, "api");
const validator = (name: string) => ajv.getSchema(`api#/components/schemas/${name}`)!;

test("docs/local-api.json is the document, word for word; vitest -u writes it anew", async () => {
  await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot(page);
});

test("the document is valid OpenAPI 3.1, by the schema of its authors", async () => {
  expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true });
  const broken = { ...structuredClone(document), info: {} };
  expect(await new Validator().validate(broken)).toMatchObject({ valid: false });
});

test("it describes each route of the contract, and names the routes that the second token may use", () => {
  const paths = document.paths as Record<string, Record<string, { operationId: string; security: object[] }>>;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(
    [...Object.keys(localOperations), "document", "events"].sort(),
  );
  const open = operations.filter(({ security }) => security.some((scheme) => "predictToken" in scheme));
  expect(open.map(({ operationId }) => operationId)).toEqual(["predict"]);
});

test("its schemas take and refuse the requests that the contract takes and refuses", () => {
  const text = "so happy";
  const said = "2026-03-01T12:00:00+01:00";
  const copy = { id: "a", text, label: "joy", split: "train", said, forgotten: 0 };
  const longest = "\u{1f600}".repeat(maxUtteranceCodePoints);
  const requests: Record<string, unknown[]> = {
    predict: [
      { text },
      { text, id: "a" },
      { text: longest },
      { text: `${longest}a` },
      { text: " " },
      { text: 1 },
      {},
      [],
    ],
    label: [
      { text, label: "joy" },
      { text, label: "joy", split: "holdout", said },
      { text, label: "Bliss!" },
      { text },
    ],
    keep: [{ text }, { text, said }, { text, said: "soon" }, { text, mood: "joy" }],
    entries: [{}, { search: "a", label: null, limit: 200 }, { limit: 201 }, { from: "2026-03-01" }, { from: "March" }],
    exportEntries: [{}, { after: "a", limit: 200 }, { limit: 0 }],
    importEntry: [copy, { ...copy, label: null, said: null }, { ...copy, forgotten: -1 }, { text }],
    learn: [{}, { report: true }, { report: "yes" }],
    report: [{}, { now: true }],
    agree: [{ contract: 2 }, { contract: 0 }, {}],
    letIn: [{}, { release: 1 }],
  };
  const routes = Object.entries<LocalOperation>(localOperations).filter(([, { body }]) => body !== undefined);
  expect(Object.keys(requests).sort()).toEqual(routes.map(([call]) => call).sort());
  let refused = 0;
  for (const [call, { body }] of routes) {
    const byDocument = validator(`${call.charAt(0).toUpperCase()}${call.slice(1)}Request`);
    for (const request of requests[call]!) {
      const { success } = (body as z.ZodType).safeParse(request);
      expect({ call, request, taken: byDocument(request) }).toEqual({ call, request, taken: success });
      if (!success) refused++;
    }
  }
  expect(refused).toBeGreaterThan(12);
});

test("an agent's answers and events are as it describes them", async () => {
  const device = createDevice();
  const { agent, fleet, clock } = device;
  fleet.publish(createTinyRelease());
  await device.enrol();
  const stop = device.start();
  await clock.until(async () => (await agent.status()).updateState === "committed");
  const { signal } = new AbortController();
  const label = await agent.label({ id: "a", text: "so happy", label: "joy" });
  const answers = {
    Predict: await agent.predict({ text: "so happy" }),
    Label: label,
    Keep: await agent.keep({ id: "b", text: "later" }),
    Entries: await agent.entries(),
    Calendar: await agent.calendar(),
    ExportEntries: await agent.exportEntries(),
    ImportEntry: await agent.importEntry((await agent.exportEntries()).entries[0]!),
    Learn: await agent.learn(),
    Status: await agent.status(),
    Report: await agent.report(),
    Journal: { entries: await agent.journal() },
    Agree: await agent.agree({ contract: 1 }),
    LetIn: await agent.letIn(),
    Forget: await agent.forget("a"),
  };
  for (const [call, answer] of Object.entries(answers)) {
    const isDescribed = validator(`${call}Reply`);
    expect({ call, errors: isDescribed(answer) ? null : isDescribed.errors }).toEqual({ call, errors: null });
    expect({ call, other: isDescribed({ ...answer, surplus: 1 }) }).toEqual({ call, other: false });
  }
  expect(Object.keys(answers)).toHaveLength(Object.keys(localOperations).length);
  const { events } = await agent.events({ after: { lesson: 0, journal: -1 } }, signal);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["state", "lesson", "journal"]));
  for (const event of events) expect(validator("Event")(event)).toBe(true);
  await stop();
});
