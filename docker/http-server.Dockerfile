# The demo's HTTP server. It has no dependencies, and Node.js runs its sources as they are.
FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="tcptracker demo: HTTP server" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /opt/demo
COPY packages/demo-http-server/package.json packages/demo-http-server/LICENSE ./
COPY packages/demo-http-server/src src/
USER node
ENTRYPOINT ["node", "src/main.ts"]
