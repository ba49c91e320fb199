# Two images: `app` runs every process that is Node alone, `worker` adds Python, JAX and bubblewrap.
# No container engine was at hand where this was written: the images were never built there. What was tried outside a
# container is that every process starts on compiled code and production packages alone.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/stubs scripts/stubs
COPY web3/ceramic/engine/package.json web3/ceramic/engine/
# No install script runs but the one that places the Node binary that our scripts start.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm rebuild node
COPY . .
RUN node scripts/prisma.mjs generate && npm run build

# What runs: compiled code and production packages, no compiler, no tests, no devnet tools.
FROM build AS pruned
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim AS app
ENV NODE_ENV=production
WORKDIR /app
RUN groupadd --gid 10001 weighbridge \
  && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin weighbridge \
  && mkdir /data && chown weighbridge:weighbridge /data
COPY --from=pruned /app/package.json ./
COPY --from=pruned /app/node_modules node_modules
COPY --from=pruned /app/dist dist
COPY --from=pruned /app/scripts/healthy.mjs scripts/
USER 10001:10001

FROM app AS worker
USER root
RUN apt-get update \
  && apt-get install --yes --no-install-recommends bubblewrap python3 python3-venv \
  && rm -rf /var/lib/apt/lists/*
COPY scripts/setup-python.mjs scripts/
COPY workers/trainer workers/trainer
RUN node scripts/setup-python.mjs --no-dev
USER 10001:10001
