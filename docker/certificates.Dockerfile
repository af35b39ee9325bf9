# Makes the demo's certificates: see certificates.sh.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="tcptracker demo: certificates" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
 && apt-get install -y --no-install-recommends openssl \
 && rm -rf /var/lib/apt/lists/*
COPY docker/certificates.sh /usr/local/bin/make-certificates
ENTRYPOINT ["sh", "/usr/local/bin/make-certificates"]
