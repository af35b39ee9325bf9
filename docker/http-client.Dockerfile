# The demo's HTTP client. It has no dependencies, and Node.js runs its sources as they are.
FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="tcptracker demo: HTTP client" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /opt/demo
COPY packages/demo-http-client/package.json packages/demo-http-client/LICENSE ./
COPY packages/demo-http-client/src src/
USER node
ENTRYPOINT ["node", "src/main.ts"]
