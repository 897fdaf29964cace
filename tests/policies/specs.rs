//! A seed flows in, specs that are put together at random flow out: parts that matter, some of them spoilt.

use fastrand::Rng;
use serde_json::{Value, json};

const SCHEMES: [&str; 12] = [
    "http://", "https://", "HTTP://", "hTTps://", "ftp://", "//", "", "1http://", "http:", "http:/",
    "h~p://", "a.b:",
];
pub(crate) const HOSTS: [&str; 64] = [
    "api.example.com",
    "API.Example.COM",
    "a.b",
    "vllm",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "x.invalid",
    "localhost4.localdomain4",
    "invalid",
    "example.com.",
    "example.com..",
    ".",
    "a..b",
    "-a.example",
    "a-.example",
    "my_model.example",
    "1e100.net",
    "a.1",
    "a.0x1f",
    "a.0x",
    "0x7f.1",
    "1.2.3",
    "10.0.1.50",
    "10.0.1.50.",
    "010.0.0.1",
    "256.1.1.1",
    "127.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "169.254.1.1",
    "224.0.0.9",
    "239.1.1.1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "metadata.google.internal",
    "metadata.goog.",
    "instance-data.eu-west-1.compute.internal",
    "instance-data.a.b.compute.internal",
    "[2001:db8::10]",
    "[2001:DB8::10]",
    "[2001:db8:0:0::10]",
    "[2001:0db8::10]",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[ff02::1]",
    "[ff0e::1]",
    "[::ffff:10.0.0.5]",
    "[::ffff:a00:5]",
    "[::FFFF:10.0.0.5]",
    "[fd00:ec2::254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[::10.0.0.5]",
    "[1.2.3.4]",
    "[v1.abc]",
    "[",
    "[::1",
    "2001:db8::10",
    "::ffff:10.0.0.5",
];
pub(crate) const PORTS: [&str; 16] = [
    "",
    "",
    "",
    ":",
    ":0",
    ":443",
    ":0443",
    ":80",
    ":8000",
    ":65535",
    ":65536",
    ":80a",
    "::80",
    ":-1",
    "80",
    ":00000000000443",
];
pub(crate) const USERS: [&str; 8] = ["", "", "", "", "", "user:secret@", "@", "a@b@"];
const PATHS: [&str; 22] = [
    "",
    "/",
    "/v1",
    "/v1/",
    "/v1//",
    "/openai/v1",
    "/openai/v1/",
    "/ns/replica/v1",
    "/default/v1/v1",
    "/v1beta/openai",
    "/api/v4",
    "/V2",
    "/v1alpha2/x",
    "/a b",
    "/a%2Fb/v1",
    "/../v1",
    "//a/v1",
    "/a//b",
    "/@me/v1",
    "/a[b]",
    "/é/v1",
    "/.",
];
pub(crate) const TAILS: [&str; 10] = ["", "", "", "", "", "?a=b", "#c", "?", "#", "?a#b@c"];
const REWRITE_PATHS: [&str; 24] = [
    "/",
    "//",
    "///",
    "/openai/",
    "/openai",
    "/openai//",
    "openai/",
    "https://h/",
    "/v1/",
    "/v1",
    "/a/v1/",
    "/default/v1/",
    "/ns/replica/",
    "/a%2Fb/",
    "/a?b",
    "/a#b/",
    "/a\\b/",
    "/a /b/",
    "/ a/",
    "/a//b/",
    "/./",
    "/../a/",
    "/.../a..b/",
    "/é/\u{200b}x/",
];
const NASTY: [char; 30] = [
    ' ', '\t', '\n', '\r', '\\', '\u{0}', '\u{7f}', '\u{85}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}',
    '\u{fffe}', 'é', '℀', '%', '@', ':', '/', '?', '#', '[', ']', '{', '}', '<', '>', '$', '\'', '"',
];

/// So many specs, always the same for a seed.
pub(crate) fn specs(seed: u64, count: usize) -> Vec<Value> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| spec(&mut random)).collect()
}

fn spec(random: &mut Rng) -> Value {
    let url = url(random);
    match random.u8(..10) {
        0..3 => json!({ "url": url }),
        3 => json!({ "url": url, "rewritePath": "" }),
        _ => json!({ "url": url, "rewritePath": rewrite_path(random) }),
    }
}

fn url(random: &mut Rng) -> String {
    // most urls have nothing wrong with their beginning
    let scheme = if random.bool() { SCHEMES[random.usize(..4)] } else { pick(random, &SCHEMES) };
    let host = match random.u8(..8) {
        0 => format!("[{}]", ipv6(random)),
        1 => format!("{}.{}.{}.{}", random.u8(..), random.u8(..), random.u8(..), random.u8(..)),
        _ => pick(random, &HOSTS).to_owned(),
    };
    let url = [
        scheme,
        pick(random, &USERS),
        &host,
        pick(random, &PORTS),
        pick(random, &PATHS),
        pick(random, &TAILS),
    ]
    .concat();
    match random.u8(..40) {
        0..8 => spoilt(random, &url),
        8 => {
            ["${HOST}", "{{ .h }}", "<host>", "http://$(HOST)/v1", "{a", "a}"][random.usize(..6)].to_owned()
                + &url
        }
        _ => url,
    }
}

/// Often with an IPv4 address in it, at the place of a translator.
fn ipv6(random: &mut Rng) -> String {
    let v4 = [
        [169, 254, 169, 254],
        [127, 0, 0, 1],
        [10, 0, 0, 5],
        [224, 0, 0, 1],
        [255; 4],
        [100, 100, 100, 200],
        [0; 4],
    ][random.usize(..7)];
    let mut octets = [0u8; 16];
    let (prefix, places): (&[u8], [usize; 4]) = match random.u8(..8) {
        0 => (&[0, 0x64, 0xff, 0x9b], [12, 13, 14, 15]),
        1 => (&[0x20, 0x02], [2, 3, 4, 5]),
        2 => (&[0, 0x64, 0xff, 0x9b, 0, 1], [6, 7, 9, 10]),
        3 => (&[0, 0x64, 0xff, 0x9b, 0, 1], [7, 9, 10, 11]),
        4 => (&[0, 0x64, 0xff, 0x9b, 0, 1], [9, 10, 11, 12]),
        5 => (&[0, 0x64, 0xff, 0x9b, 0, 1], [12, 13, 14, 15]),
        6 => (&[], [12, 13, 14, 15]),
        _ => (&[0x20, 0x01, 0x0d, 0xb8], [12, 13, 14, 15]),
    };
    octets[..prefix.len()].copy_from_slice(prefix);
    for (place, octet) in places.into_iter().zip(v4) {
        octets[place] = octet;
    }
    if random.u8(..3) == 0 {
        octets[random.usize(4..16)] = random.u8(..);
    }
    if random.u8(..6) == 0 {
        octets[8..12].copy_from_slice(&[0xff, 0xff, 0, 0]);
    }
    let address = std::net::Ipv6Addr::from(octets);
    match random.u8(..6) {
        0 => address.to_string().to_uppercase(),
        1 => address.segments().map(|segment| format!("{segment:x}")).join(":"),
        _ => address.to_string(),
    }
}

fn rewrite_path(random: &mut Rng) -> String {
    let path = pick(random, &REWRITE_PATHS);
    match random.u8(..40) {
        0..8 => spoilt(random, path),
        8 => "/a".repeat(random.usize(505..520)) + "/",
        9 => "/é".repeat(random.usize(505..520)),
        _ => path.to_owned(),
    }
}

/// With a character that is put in, taken out or replaced.
pub(crate) fn spoilt(random: &mut Rng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.usize(..=characters.len());
    let nasty = NASTY[random.usize(..NASTY.len())];
    match random.u8(..3) {
        0 if at < characters.len() => drop(characters.remove(at)),
        1 if at < characters.len() => characters[at] = nasty,
        _ => characters.insert(at, nasty),
    }
    characters.into_iter().collect()
}

pub(crate) fn pick<'a>(random: &mut Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(..from.len())]
}
