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
    cargo build --release --bin modelendpoint-webhook
    cargo build --release --package bench-server
    {{ target }}/release/bench-server {{ arguments }} {{ target }}/release/constant-answer {{ target }}/release/modelendpoint-webhook

# Minutes of good, bad, huge and slow requests while certificates rotate and instances are replaced.
soak minutes="5":
    cargo test --test soak -- {{minutes}}
