// The local API described by OpenAPI 3.1, made from the contracts that both ends parse by.

import { errorReplySchema, utteranceIdSchema } from "@attune/shared/contracts/local-api";
import { agentEventSchema } from "@attune/shared/contracts/local-events";
import { type LocalOperation, localOperations } from "@attune/shared/contracts/local-operations";
import { eventsPath, openApiPath } from "@attune/shared/contracts/local-routes";
import { z } from "zod";

type JsonObject = Readonly<Record<string, unknown>>;

/** The document, as JSON. */
export function openApiDocument(): JsonObject {
  const operations = Object.entries<LocalOperation>(localOperations);
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [call, operation] of operations) {
    const path = operation.path.replace(":id", "{id}");
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: operationOf(call, operation) };
  }
  const schemas = operations.flatMap(([call, { body, reply }]) => [
    ...(body === undefined ? [] : [[requestName(call), jsonSchema(body, "input")] as const]),
    [replyName(call), jsonSchema(reply, "output")] as const,
  ]);
  return {
    openapi: "3.1.1",
    info: {
      title: "The local API of an Attune agent",
      version: "1",
      description: [
        "It listens on 127.0.0.1. Its address is in local-api.json, its token in local-token, and a token that may only",
        "predict in predict-token: all in the device's directory. It answers no web page.",
      ].join(" "),
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths: { ...paths, [eventsPath]: { get: eventsOperation }, [openApiPath]: { get: documentOperation } },
    components: {
      schemas: {
        ...Object.fromEntries(schemas),
        Event: jsonSchema(agentEventSchema, "output"),
        Error: jsonSchema(errorReplySchema, "output"),
      },
      securitySchemes: {
        localToken: { type: "http", scheme: "bearer", description: "the token in local-token" },
        predictToken: { type: "http", scheme: "bearer", description: "the token in predict-token" },
      },
    },
  };
}

function operationOf(call: string, { path, summary, body, bodyOptional, query, predictToken }: LocalOperation) {
  const parameters = [
    ...(path.includes(":id")
      ? [{ name: "id", in: "path", required: true, schema: jsonSchema(utteranceIdSchema, "input") }]
      : []),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
      name,
      in: "query",
      schema: jsonSchema(schema as z.ZodType, "input"),
    })),
  ];
  return {
    operationId: call,
    summary,
    security: securityOf(predictToken),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: bodyOptional !== true, content: json(reference(requestName(call))) } }),
    responses: {
      200: { description: "The answer.", content: json(reference(replyName(call))) },
      default: errorResponse,
    },
  };
}

const errorResponse = { description: "An error, with what to do.", content: json(reference("Error")) };

const eventsOperation: JsonObject = {
  operationId: "events",
  summary: "Streams the agent's state, its lessons, and each message that leaves, as Server-Sent Events.",
  security: securityOf(false),
  parameters: [
    {
      name: "Last-Event-ID",
      in: "header",
      description: "The index of the last entry of the journal that was seen. The stream resumes after it.",
      schema: { type: "string", pattern: "^[0-9]{1,15}$" },
    },
  ],
  responses: {
    200: {
      description: "The data of each event is an Event in JSON. The present state comes first.",
      content: { "text/event-stream": { schema: reference("Event") } },
    },
    default: errorResponse,
  },
};

const documentOperation: JsonObject = {
  operationId: "document",
  summary: "This document.",
  security: securityOf(false),
  responses: { 200: { description: "OpenAPI 3.1.", content: json({ type: "object" }) }, default: errorResponse },
};

function securityOf(predictToken: boolean | undefined): readonly JsonObject[] {
  return [{ localToken: [] }, ...(predictToken ? [{ predictToken: [] }] : [])];
}

function json(schema: JsonObject): JsonObject {
  return { "application/json": { schema } };
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

const capitalised = (call: string) => call.charAt(0).toUpperCase() + call.slice(1);
const requestName = (call: string) => `${capitalised(call)}Request`;
const replyName = (call: string) => `${capitalised(call)}Reply`;

function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
