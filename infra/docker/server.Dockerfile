# The server. `docker build -f infra/docker/server.Dockerfile .` from the repository's root.
# Without DATABASE_URL and NATS_URL it runs its own PostgreSQL and nats-server inside the one container.
FROM node:20.20.2-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0 AS build
WORKDIR /opt/attune
COPY . .
RUN npm ci && npm run build
# The image leaves out the training package with TensorFlow.js, and the compiler and Prisma's tools with 240 MB. npm would count Prisma's tools
# among the server's packages, as an optional peer of its client, while the lockfile holds them for development.
RUN npm pkg delete devDependencies && npm install --package-lock-only --ignore-scripts
RUN npm ci --omit=dev --omit=peer --workspace apps/server

FROM node:20.20.2-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0
RUN apt-get update \
  && apt-get install -y --no-install-recommends nats-server tini \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/attune /opt/attune
# Created here, so that volumes mounted there belong to the user the server runs as.
RUN install -d -o node -g node /var/lib/attune /nats
USER node
WORKDIR /home/node
ENV NODE_ENV=production ATTUNE_HOME=/var/lib/attune
EXPOSE 7310 7322
HEALTHCHECK --interval=10s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.ATTUNE_HTTP_PORT||7310)+'/healthz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "/opt/attune/apps/server/bin/attune.js"]
CMD ["server"]
