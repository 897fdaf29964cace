# What people run, by name: `just --list`.

target := env("CARGO_TARGET_DIR", "target")

# Time and allocations from a review's bytes to its answer's, beside walking the JSON and kube's types
bench:
    cargo bench --package bench-answer

# Instructions of the same, against what was accepted
bench-instructions *arguments:
    benches/instructions {{ arguments }}

# The server over TLS, beside one that parses nothing: CPU time, latency, memory
bench-server *arguments:
    cargo build --release --package modelendpoint-webhook --bin modelendpoint-webhook
    cargo build --release --package bench-server
    {{ target }}/release/bench-server {{ arguments }} {{ target }}/release/constant-answer {{ target }}/release/modelendpoint-webhook

# What a request costs as its work grows, as tables
bench-growth *arguments:
    cargo build --release --package modelendpoint-webhook --bin modelendpoint-webhook
    cargo build --release --package bench-server
    {{ target }}/release/bench-server growth {{ arguments }} {{ target }}/release/modelendpoint-webhook

# Latencies under the CPU limits of a container; needs root, for the cgroups
bench-limits *arguments:
    cargo build --release --package modelendpoint-webhook --bin modelendpoint-webhook
    cargo build --release --package bench-server
    {{ target }}/release/bench-server limits {{ arguments }} {{ target }}/release/constant-answer {{ target }}/release/modelendpoint-webhook

# A create through a real kube-apiserver: without admission, with the webhook, with CEL policies in its place
bench-api-server *arguments:
    cargo build --release --package modelendpoint-webhook --bin modelendpoint-webhook
    cargo build --release --package bench-server --package bench-api-server
    {{ target }}/release/bench-api-server {{ arguments }} {{ target }}/release/modelendpoint-webhook {{ target }}/release/constant-answer

# The tests with a real API server on every supported minor version of Kubernetes, or on those named
test-minors *minors:
    crates/control-plane/kubernetes/each {{ minors }}

# Minutes of good, bad, huge and slow requests while certificates rotate and instances are replaced.
soak minutes="5":
    cargo test --test soak -- {{minutes}}

# The documentation site, in target/site
site:
    cargo run --locked --package site -- build {{ target }}/site

# The pictures of the terminal and of the crates
pictures:
    UPDATE_PICTURES=1 cargo test --package modelendpoint --test check picture
    UPDATE_PICTURES=1 cargo test --test control_plane picture
    cargo run --locked --package site -- diagram

# The dashboard, as a real Prometheus answers it under load; needs prometheus and curl
dashboard:
    cargo build --package modelendpoint-webhook --bin modelendpoint-webhook
    cargo run --locked --package site -- dashboard {{ target }}/debug/modelendpoint-webhook
