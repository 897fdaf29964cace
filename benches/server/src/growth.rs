//! What a request costs as its work grows: CPU time for objects, violations, connections and allow lists
//! of different sizes, as tables.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use hyper::body::Bytes;
use serde_json::Value;

use crate::Pair;
use crate::client::{Client, Connection, Reviews};
use crate::process::Process;
use crate::table::{Series, table};
use crate::work;

const BYTES: [u32; 10] =
    [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20, 3 << 19, 2 << 20, 3 << 20];
const CONNECTIONS: [u32; 8] = [1, 4, 16, 32, 100, 250, 500, 1_000];
const ENTRIES: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// Each has a violation more than the one before, up to all that can come together: url, rewritePath,
/// and the url of before.
const VIOLATIONS: [(&str, &str, Option<&str>); 13] = [
    ("https://api.example.com/v1", "/", None),
    ("ftp://api.example.com/v1", "/", None),
    ("ftp://user:pw@api.example.com/v1", "/", None),
    ("ftp://user:pw@api.example.com/v1?key=x", "/", None),
    ("ftp://user:pw@api.example.com/v1?key=x#y", "/", None),
    ("ftp://user:pw@vllm/v1?key=x#y", "/", None),
    ("ftp://user:pw@vllm:99999/v1?key=x#y", "/", None),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "/", None),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "ml/", None),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "ml/a%2Fb/", None),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "ml/a%2Fb/../", None),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "ml/a%2Fb/../", Some("http://10.0.1.50/ml/v1")),
    ("ftp://user:pw@vllm:99999/v1 ?key=x#y", "ml/a%2Fb/../LONG/", Some("http://10.0.1.50/ml/v1")),
];

pub(crate) async fn run(program: &Path, rounds: u32, pair: &Pair) -> anyhow::Result<()> {
    let mut objects = vec![Series::new("/mutate"), Series::new("/validate")];
    let mut violations = vec![Series::new("/validate")];
    let mut connections = vec![Series::new("/validate, 8,000 requests over all of them")];
    let mut policies = vec![Series::new("hosts in one list"), Series::new("ranges of addresses in one list")];
    policies.push(Series::new("lists, each with a host, for as many namespaces"));
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let server = Process::start(program, pair, &[], None)?;
        let measured = Measured::new(&server, pair)?;
        for bytes in BYTES {
            for (series, path) in objects.iter_mut().zip(["/mutate", "/validate"]) {
                let count = (8 << 20) / (bytes + 4_096) + 8;
                let reviews = work::create_of_size(path, bytes as usize);
                series.push(f64::from(bytes), measured.cpu(&reviews, 4, count).await?);
            }
        }
        for (url, rewrite_path, former_url) in VIOLATIONS {
            let rewrite_path = rewrite_path.replace("LONG", &"x".repeat(1_024));
            let reviews = work::validate(url, &rewrite_path, former_url);
            let count = causes(&measured.client.connect().await?.answer(&reviews, 0).await?)?;
            violations[0].push(count, measured.cpu(&reviews, 4, 2_000).await?);
        }
        let reviews = work::small_validate();
        for count in CONNECTIONS {
            connections[0].push(f64::from(count), measured.cpu(&reviews, count, 8_000).await?);
        }
        drop(server);
        for entries in ENTRIES {
            for (series, policy) in policies.iter_mut().zip([hosts, ranges, lists]) {
                let folder = tempfile::tempdir()?;
                let file = folder.path().join("policy.yaml");
                fs::write(&file, policy(entries))?;
                let policy: [OsString; 2] = ["--policy".into(), file.into()];
                let server = Process::start(program, pair, &policy, None)?;
                let reviews = Reviews::one(
                    "/validate",
                    include_bytes!("../../../examples/validate-create-crossplane.json").to_vec(),
                );
                let measured = Measured::new(&server, pair)?;
                let warm = measured.client.connect().await?.answer(&reviews, 0).await?;
                anyhow::ensure!(is_allowed(&warm)?, "the policy refuses: {warm:?}");
                series.push(f64::from(entries), measured.cpu(&reviews, 4, 4_000).await?);
            }
        }
    }
    for (title, unit, series) in [
        ("CPU time of a request, by the size of its object", "bytes", objects),
        ("CPU time of a request, by the violations that are told", "violations", violations),
        ("CPU time of a request, by the connections in use at once", "connections", connections),
        ("CPU time of a request, by the entries of its policy", "entries", policies),
    ] {
        println!("{}\n", table(title, unit, &series));
    }
    Ok(())
}

struct Measured<'a> {
    server: &'a Process,
    client: Client,
}

impl<'a> Measured<'a> {
    fn new(server: &'a Process, pair: &Pair) -> anyhow::Result<Self> {
        Ok(Self { server, client: Client::new(server.address, pair.trusted.clone())? })
    }

    /// CPU µs per request of so many, over so many connections at once that were there before.
    async fn cpu(&self, reviews: &Reviews, connections: u32, count: u32) -> anyhow::Result<f64> {
        let mut ready = Vec::new();
        for _ in 0..connections {
            let mut connection = self.client.connect().await?;
            connection.send(reviews, 0).await?;
            ready.push(connection);
        }
        let each = count.div_ceil(connections);
        let before = self.server.cpu()?;
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|connection| tokio::spawn(send_many(connection, reviews.clone(), each)))
            .collect();
        for task in tasks {
            task.await??;
        }
        let used = self.server.cpu()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / f64::from(each * connections))
    }
}

async fn send_many(mut connection: Connection, reviews: Reviews, count: u32) -> anyhow::Result<()> {
    for number in 0..count {
        connection.send(&reviews, number as usize).await?;
    }
    Ok(())
}

/// How many violations an answer tells.
fn causes(answer: &Bytes) -> anyhow::Result<f64> {
    let answer: Value = serde_json::from_slice(answer)?;
    let causes = answer["response"]["status"]["details"]["causes"].as_array().map_or(0, Vec::len);
    Ok(f64::from(u32::try_from(causes)?))
}

fn is_allowed(answer: &Bytes) -> anyhow::Result<bool> {
    let answer: Value = serde_json::from_slice(answer)?;
    answer["response"]["allowed"].as_bool().context("an answer")
}

/// The host of the request is 34.118.20.7, in namespace ml-team; what is for it comes last.
fn hosts(entries: u32) -> String {
    let mut policy = "allow:\n- namespaces: [ml-team]\n  cidrs: [34.118.20.7]\n  hosts:\n".to_owned();
    for number in 0..entries {
        let _ = writeln!(policy, "  - host-{number}.example.com");
    }
    policy
}

fn ranges(entries: u32) -> String {
    let mut policy = "allow:\n- namespaces: [ml-team]\n  cidrs:\n".to_owned();
    for number in 1..entries {
        // every other /24, so that no two become one
        let _ = writeln!(policy, "  - 10.{}.{}.0/24", number / 128, number % 128 * 2);
    }
    policy + "  - 34.118.20.7\n"
}

fn lists(entries: u32) -> String {
    let mut policy = "allow:\n".to_owned();
    for number in 1..entries {
        let _ = writeln!(policy, "- namespaces: [team-{number}]\n  hosts: [host-{number}.example.com]");
    }
    policy + "- namespaces: [ml-team]\n  cidrs: [34.118.20.7]\n"
}
