# A static binary in an empty image: nothing else in it to patch.
#
# By digest, as the tag can come to name another image: the index of all platforms. Dependabot follows the tag.
FROM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
# aws-lc, the cryptography behind TLS, is C
RUN apt-get update && apt-get install --yes --no-install-recommends cmake gcc g++ libc6-dev make
RUN cargo install --locked cargo-auditable --version 0.7.7
WORKDIR /src
COPY . .
# `auditable` writes the crates into the program, so that scanners and the SBOM of the image know them. With a target
# named, the flag is for the program and not for build scripts and macros.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo auditable build --locked --release --target "$target" --package modelendpoint-webhook --bin modelendpoint-webhook --package modelendpoint --bin modelendpoint \
    && cp "target/$target/release/modelendpoint-webhook" "target/$target/release/modelendpoint" /

FROM scratch
COPY --from=build /modelendpoint-webhook /modelendpoint-webhook
# for deploy/components/audit
COPY --from=build /modelendpoint /modelendpoint
# a number, so that Kubernetes can tell that it is not root
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/modelendpoint-webhook"]
CMD ["serve"]
