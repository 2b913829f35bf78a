# Replaces rust:1.95-bookworm. The build context is a toolchain of this machine (see build.sh).
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc g++ libc6-dev make pkg-config \
 && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY cargo /usr/local/cargo
COPY bin /usr/local/rust/bin
COPY lib /usr/local/rust/lib
