# The `tcptracker` command: probes, native bridge and bundle are built here; the image has what runs, and no compiler.
#
#   docker build -f docker/agent.Dockerfile -t tcptracker/agent .

FROM node:24-bookworm-slim AS build
WORKDIR /src
# First what the toolchain and the npm packages depend on: a change of the sources leaves these layers as they are.
COPY tools/setup.mjs tools/
COPY package.json package-lock.json ./
COPY bpf-programs/package.json bpf-programs/
COPY packages/agent/package.json packages/agent/
COPY packages/agent/bin packages/agent/bin/
COPY packages/containers/package.json packages/containers/
COPY packages/demo-http-client/package.json packages/demo-http-client/
COPY packages/demo-http-client/bin packages/demo-http-client/bin/
COPY packages/demo-http-server/package.json packages/demo-http-server/
COPY packages/demo-http-server/bin packages/demo-http-server/bin/
COPY packages/events/package.json packages/events/
COPY packages/filter/package.json packages/filter/
COPY packages/grpc-exporter/package.json packages/grpc-exporter/
COPY packages/libbpf/package.json packages/libbpf/
COPY packages/proto/package.json packages/proto/
RUN node tools/setup.mjs
COPY . .
ENV NX_DAEMON=false
RUN npx nx run @tcptracker/agent:bundle

FROM node:24-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tcptracker" \
      org.opencontainers.image.description="A traffic tap for Linux and Kubernetes: what every process sends and receives over TCP" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The bridge's libraries.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libelf1 zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/packages/agent/dist/bundle /opt/tcptracker
RUN ln -s /opt/tcptracker/tcptracker.js /usr/local/bin/tcptracker
ENTRYPOINT ["tcptracker"]
CMD ["tap"]
