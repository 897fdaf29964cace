//! A seed flows in, endpoints of Modelplane 0.5 that are put together at random flow out, some of them spoilt.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::sample::Sample;
use crate::specs::{HOSTS, PORTS, TAILS, USERS, pick, spoilt};

const SCHEMES: [&str; 8] =
    ["http://", "https://", "HTTPS://", "hTTp://", "grpc://", "", "https:/", "1http://"];
/// What stands behind host and port.
const BEHIND: [&str; 14] =
    ["", "", "", "", "", "", "/", "/v1", "/v1/", "/openai/v1", "//", "/v1/..", "://8080", "://"];
const PREFIXES: [&str; 46] = [
    "/v1",
    "/v1/",
    "/",
    "//",
    "/openai/v1",
    "/openai//v1",
    "/v1//",
    "v1",
    "api.example.com/v1",
    "https://api.example.com/v1",
    "/https://api.example.com/v1",
    "/HTTP:/x",
    "/http:x/v1",
    "/v1beta/openai",
    "/v1/v1",
    "/v2//v1/",
    "/V1/v1p1beta1/x",
    "/v1;a/v2Preview",
    "/v100/v1",
    "/v1_a/v1",
    "/v1/chat/completions",
    "/v1/Messages//",
    "/chat/completions?x",
    "/completions-proxy/v1",
    "/audio/speech",
    "/speech",
    "/v1?api-version=1",
    "/v1#chat",
    "/v1#a?b",
    "/v1/../admin",
    "/./v1",
    "/..",
    "/.../a..b/.well-known/v1",
    "/a%20b/v1",
    "/100%/v1",
    "/%zz/v1",
    "/a%4",
    "/.%2e/v1",
    "/%2E%2e",
    "/%2e./x",
    "/a%0Ab/%7f",
    "/modèles/v1",
    "/{{ .deployment }}/v1",
    "/<deployment>/v1",
    "/$NAME/v1",
    "/a!$&'()*+,;=:@b~/v1",
];
const MODELS: [&str; 20] = [
    "gpt-5",
    "moonshotai/Kimi-K2-Instruct",
    "anthropic.claude-v2:0",
    "my model",
    " gpt-5",
    "gpt-5 ",
    "gpt-5\n",
    "gpt\t5",
    "gpt-5\u{200b}",
    "g\u{3164}pt",
    "e\u{301}\u{fe0f}",
    "東京 한 😀",
    "\u{a0}gpt",
    "${MODEL}",
    "{{ .model }}",
    "{model}",
    "<no value>",
    "<https://h.example> {a}",
    "$MODEL",
    "$ref",
];
const SECRET_NAMES: [&str; 12] = [
    "provider-key",
    "1.2.3.4",
    "a",
    "My_Key",
    "my/key",
    "key.",
    "-key",
    "key-",
    "a..b",
    "sk-AbC",
    "é",
    "a.b-c.d",
];
const SECRET_KEYS: [&str; 10] = ["apiKey", "api-key", "_", ".", "..", "..x", ".x", "a b", "a/b", "clé"];
const USERS_OF_THE_CLUSTER: [&str; 3] = [
    "ada",
    "system:serviceaccount:crossplane-system:crossplane",
    "system:serviceaccount:crossplane-system-2:x",
];

/// So many endpoints, always the same for a seed.
pub(crate) fn origins(seed: u64, count: usize) -> Vec<Sample> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| sample(&mut random)).collect()
}

fn sample(random: &mut Rng) -> Sample {
    let mut spec = json!({ "origin": origin(random) });
    if random.bool() {
        spec["api"] = json!({ "prefix": often_spoilt(random, &PREFIXES) });
    }
    if random.bool() {
        spec["model"] = match random.u8(..20) {
            0 => Value::from("é".repeat(random.usize(250..256))),
            _ => often_spoilt(random, &MODELS).into(),
        };
    }
    if random.u8(..3) == 0 {
        let mut reference = json!({ "name": often_spoilt(random, &SECRET_NAMES) });
        if random.bool() {
            reference["key"] = often_spoilt(random, &SECRET_KEYS).into();
        }
        spec["credential"] = json!({ "method": "APIKey", "apiKey": { "secretRef": reference } });
    }
    let sample = Sample::of(spec).by(pick(random, &USERS_OF_THE_CLUSTER));
    match random.u8(..6) {
        0 => sample.labelled("gw-eu"),
        1 => sample.labelled(""),
        _ => sample,
    }
}

fn origin(random: &mut Rng) -> String {
    // The schema refuses much, so most parts are fine.
    let mut most = |fine: &[&'static str], all: &[&'static str]| {
        let from = if random.u8(..5) == 0 { all } else { fine };
        pick(random, from)
    };
    let origin = [
        most(&["http://", "https://"], &SCHEMES),
        most(&[""], &USERS),
        most(&["api.example.com", "API.example.com", "localhost.", "a_b.example", "vllm", "h.42"], &HOSTS),
        most(&["", ":443", ":80", ":00080", ":8000"], &PORTS),
        most(&["", "", "/", "/v1", "/openai/v1/", "://8080"], &BEHIND),
        most(&[""], &TAILS),
    ]
    .concat();
    match random.u8(..30) {
        0..4 => spoilt(random, &origin),
        4 => ["${HOST}", "https://<host>", "{a}"][random.usize(..3)].to_owned() + &origin,
        _ => origin,
    }
}

fn often_spoilt(random: &mut Rng, from: &[&str]) -> String {
    let text = pick(random, from);
    if random.u8(..5) == 0 { spoilt(random, text) } else { text.to_owned() }
}
