# A static binary in an empty image: nothing else in it to patch.
FROM rust:1.95-slim-bookworm AS build
# aws-lc, the cryptography behind TLS, is C
RUN apt-get update && apt-get install --yes --no-install-recommends cmake gcc g++ libc6-dev make
WORKDIR /src
COPY . .
# with a target named, the flag is for the program and not for build scripts and macros
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --target "$target" --bin modelendpoint-webhook \
    && cp "target/$target/release/modelendpoint-webhook" /modelendpoint-webhook

FROM scratch
COPY --from=build /modelendpoint-webhook /modelendpoint-webhook
# a number, so that Kubernetes can tell that it is not root
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/modelendpoint-webhook"]
CMD ["serve"]
