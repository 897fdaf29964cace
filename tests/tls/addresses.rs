//! The default addresses, on machines with IPv6, with IPv4 and with both. The machines are network namespaces with
//! only a loopback interface.

use std::fs::{self, File};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::runtime;

use test_support::client::{self, Client, FINE, allowed, create};
use test_support::webhook::{binary, eventually};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A server with its default addresses, in a network namespace of its own.
struct Alone {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    directory: TempDir,
}

impl Alone {
    /// Starts the server after a shell has set up the machine. Afterwards, the file `ca.crt` is in the working
    /// directory.
    async fn start(set_up: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let script = format!("ip link set lo up && {set_up} && exec \"$0\" \"$@\"");
        let mut child = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-ec", &script, "env"])
            .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
            .args([binary(), "serve", "--self-signed", "--write-ca", "ca.crt"])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare starts");
        let mut log = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        for listening in ["https listening on ", "ops (http) listening on "] {
            next(&mut log, listening).await;
        }
        Self { child, log, directory }
    }

    /// Runs this within the namespace.
    fn within<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        let pid = self.child.id().expect("the process runs");
        let namespace = File::open(format!("/proc/{pid}/ns/net")).expect("a process of ours");
        thread::scope(|scope| {
            let working = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may do so");
                let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(work())
            });
            working.join().expect("no panic")
        })
    }

    fn ca(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.directory.path().join("ca.crt")).expect("the CA was written")
    }
}

async fn next(log: &mut Lines<BufReader<ChildStderr>>, part: &str) -> String {
    let mut seen = Vec::new();
    while let Ok(Some(line)) = log.next_line().await {
        if line.contains(part) {
            return line;
        }
        seen.push(line);
    }
    panic!("no line with {part:?} in {seen:#?}")
}

/// Asserts that the server is ready, and answers at these addresses and at no others.
fn serves_at(server: &Alone, addresses: &[IpAddr]) {
    let ca = server.ca();
    server.within(async move || {
        let ops = SocketAddr::new(addresses[0], 8080);
        eventually(200, async || client::get(ops, "/readyz").await.status).await;
        for ip in [V4, V6] {
            if !addresses.contains(&ip) {
                assert!(TcpStream::connect((ip, 8443)).await.is_err(), "{ip} is not there");
                continue;
            }
            let client = Client::new(SocketAddr::new(ip, 8443), vec![ca.clone()]);
            assert_eq!(client.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"), "{ip}");
            assert_eq!(client::get(SocketAddr::new(ip, 8080), "/livez").await.status, 200, "{ip}");
        }
    });
}

/// Only root can create network namespaces. The message bypasses the capture of output, so that somebody sees it.
fn can_not_run(test: &str) -> bool {
    let not_run = !geteuid().is_root();
    if not_run {
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test}, for want of root");
    }
    not_run
}

#[tokio::test]
async fn the_default_addresses_serve_both_families() {
    if can_not_run("the default addresses in network namespaces") {
        return;
    }
    for only_v6 in ["0", "1"] {
        let set_up = format!("echo {only_v6} > /proc/sys/net/ipv6/bindv6only");
        let server = Alone::start(&set_up, &[]).await;
        serves_at(&server, &[V4, V6]);
    }
}

#[tokio::test]
async fn the_default_addresses_serve_where_there_is_no_ipv4() {
    if can_not_run("the default addresses without IPv4") {
        return;
    }
    let server = Alone::start("ip address delete 127.0.0.1/8 dev lo", &[]).await;
    serves_at(&server, &[V6]);
}

#[tokio::test]
async fn the_default_addresses_serve_where_ipv6_is_switched_off() {
    if can_not_run("the default addresses without IPv6") {
        return;
    }
    let server = Alone::start("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6", &[]).await;
    serves_at(&server, &[V4]);
}

/// Behaves as with `ipv6.disable=1`, which is a flag of the kernel, by a library that is loaded first.
#[tokio::test]
async fn the_default_addresses_serve_where_the_kernel_has_no_ipv6() {
    if can_not_run("the default addresses on a kernel without IPv6") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let library = without_ipv6(directory.path()).await;
    let mut server = Alone::start("true", &[("LD_PRELOAD", &library)]).await;
    serves_at(&server, &[V4]);
    server.child.start_kill().expect("it runs");
    let listening = next(&mut server.log, "").await;
    assert!(!listening.contains("[::]"), "{listening}");
}

async fn without_ipv6(directory: &Path) -> String {
    const SOURCE: &str = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <sys/socket.h>\n\
        int socket(int domain, int type, int protocol) {\n\
            if (domain == AF_INET6) { errno = EAFNOSUPPORT; return -1; }\n\
            int (*real)(int, int, int) = dlsym(RTLD_NEXT, \"socket\");\n\
            return real(domain, type, protocol);\n\
        }\n";
    let (source, library) = (directory.join("without_ipv6.c"), directory.join("without_ipv6.so"));
    fs::write(&source, SOURCE).expect("a file");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().await;
    assert!(compiled.expect("a C compiler, as the cryptography needs").success());
    library.to_str().expect("UTF-8").to_owned()
}
