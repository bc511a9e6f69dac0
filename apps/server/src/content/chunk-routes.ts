// Serves the bytes of releases over HTTP, by hash, with Range and immutable caching, and takes the fleet manager's
// uploads of chunks. A hash names its content, so any cache may stand in front and no entry ever has to be invalidated.

import { chunkPath, manifestPath } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { parseByteRange } from "./byte-range.js";
import type { ChunkStore } from "./chunk-store.js";
import type { Sending } from "./sending.js";

export interface ChunkRoutesDeps {
  readonly chunkStore: ChunkStore;
  readonly manifests: ChunkStore;
  readonly sending: Sending;
  /** Throws where the request's caller may not store chunks. */
  readonly assertMayStore: (request: FastifyRequest) => void;
}

interface ContentRequest {
  Params: { sha256: string };
}

export async function registerChunkRoutes(fastify: FastifyInstance, deps: ChunkRoutesDeps): Promise<void> {
  // A scope of its own keeps this body parser from all other routes.
  await fastify.register(async (scope) => {
    for (const [path, contentType, store] of [
      [chunkPath(":sha256"), "application/octet-stream", deps.chunkStore],
      [manifestPath(":sha256"), "application/json", deps.manifests],
    ] as const) {
      scope.route<ContentRequest>({
        method: ["GET", "HEAD"],
        url: path,
        handler: (request, reply) => sendContent(request, reply, { store, contentType, sending: deps.sending }),
      });
    }
    scope.addContentTypeParser(
      "application/octet-stream",
      { parseAs: "buffer", bodyLimit: deps.chunkStore.maxBytes },
      (_request, body, done) => done(null, body),
    );
    scope.put<ContentRequest>(
      chunkPath(":sha256"),
      {
        // Checked before the body is read: a stranger's bytes are not even received.
        onRequest: async (request) => deps.assertMayStore(request),
      },
      async (request, reply) => {
        if (!Buffer.isBuffer(request.body)) {
          throw new AppError("INVALID_INPUT", "the body must be bytes of content-type application/octet-stream");
        }
        await deps.chunkStore.putAs(request.params.sha256, request.body);
        return reply.status(204).send();
      },
    );
  });
}

async function sendContent(
  request: FastifyRequest<ContentRequest>,
  reply: FastifyReply,
  { store, contentType, sending }: { store: ChunkStore; contentType: string; sending: Sending },
): Promise<FastifyReply> {
  const { sha256 } = request.params;
  const content = await store.open(sha256);
  if (content === undefined) throw new AppError("NOT_FOUND", `nothing is stored under ${sha256}`);
  const { sizeBytes } = content;
  const etag = `"${sha256}"`;
  reply
    .header("etag", etag)
    .header("accept-ranges", "bytes")
    .header("cache-control", "public, max-age=31536000, immutable");
  // Judged before the range, as RFC 9110, section 13.2.2, says.
  if (matches(request.headers["if-none-match"], etag)) return reply.status(304).send();
  const condition = request.headers["if-range"];
  const isRange = request.method === "GET" && (condition === undefined || condition === etag);
  const range = parseByteRange(isRange ? request.headers.range : undefined, sizeBytes);
  if (range.kind === "unsatisfiable") {
    reply.header("content-range", `bytes */${sizeBytes}`);
    throw new AppError("RANGE_NOT_SATISFIABLE", `the content has ${sizeBytes} bytes`);
  }
  const [start, endInclusive] = range.kind === "part" ? [range.start, range.endInclusive] : [0, sizeBytes - 1];
  if (range.kind === "part") reply.status(206).header("content-range", `bytes ${start}-${endInclusive}/${sizeBytes}`);
  reply.header("content-type", contentType).header("content-length", endInclusive - start + 1);
  if (request.method === "HEAD") return reply.send();
  const place = sending.takePlace();
  try {
    const stream = await content.stream(start, endInclusive);
    place.holdFor(stream);
    return reply.send(stream);
  } catch (error) {
    place.leave();
    throw error;
  }
}

/** Compares weakly, as RFC 9110, section 13.1.2, says of If-None-Match. */
function matches(header: string | undefined, etag: string): boolean {
  const tags = header?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes("*") || tags.includes(etag);
}
