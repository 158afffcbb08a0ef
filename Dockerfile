# txwarden in a small image: librdkafka, zlib, zstd and OpenSSL are built in, run without root.
FROM rust:1.92-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential perl pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: this layer is reused until Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
# The manifest names targets whose sources come later or never: cargo wants a file for each.
RUN mkdir -p src tests/it tests/fault tests/fuzz \
    && for file in src tests/it tests/fault tests/fuzz; do echo 'fn main() {}' > $file/main.rs; done \
    && : > src/lib.rs \
    && cargo build --release --locked --bin txwarden \
    && rm -r src
COPY src src
COPY config config
# The real sources may be older than the placeholders were: touch them, or cargo keeps those.
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin txwarden
# What a backtrace is read with goes beside the program, not into it.
RUN cd target/release \
    && objcopy --only-keep-debug --compress-debug-sections txwarden txwarden.debug \
    && strip --strip-unneeded txwarden \
    && objcopy --add-gnu-debuglink=txwarden.debug txwarden

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin txwarden \
    && install -d -o txwarden -g txwarden /var/lib/txwarden
COPY --from=build /src/target/release/txwarden /usr/local/bin/txwarden
COPY --from=build /src/config /etc/txwarden
COPY LICENSE /usr/share/doc/txwarden/LICENSE
USER 10001
WORKDIR /var/lib/txwarden
# Metrics and health; publish it with --listen or the configuration's http.listen.
EXPOSE 9464
# SIGTERM flushes the open batch and leaves the group.
STOPSIGNAL SIGTERM
ENTRYPOINT ["txwarden"]
CMD ["--help"]
