//! A kube-apiserver that uses an etcd, with its own certificates and keys.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use rcgen::KeyPair;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::{etcd::Etcd, kubeconfig};
use crate::{
    assets::Assets,
    certificates::{Authority, Leaf},
    eventually::{Seen, eventually},
    supervised::{Supervised, command},
};

const READY_WITHIN: Duration = Duration::from_mins(1);

pub(super) struct ApiServer {
    process: Supervised,
    url: String,
    kubeconfig: PathBuf,
    _port: ReservedPort,
}

impl ApiServer {
    pub(super) fn start(assets: &Assets, etcd: &Etcd, more_flags: &[String]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("kube-apiserver-").tempdir()?;
        let port = ReservedPort::new().context("no free port for kube-apiserver")?;
        let url = format!("https://{}", port.address);
        write_certificates(&directory)?;
        let kubeconfig = directory.path().join("kubeconfig");
        fs::write(&kubeconfig, kubeconfig::text(&url, directory.path())?)?;
        let mut flags = flags(&directory, port.address, etcd.url());
        flags.extend_from_slice(more_flags);
        let command = command(&assets.kube_apiserver(), flags);
        Ok(Self {
            process: Supervised::start("kube-apiserver", directory, command)?,
            url,
            kubeconfig,
            _port: port,
        })
    }

    pub(super) async fn ready(&self, client: &Client, etcd: &Etcd) -> Result<()> {
        eventually("readiness of kube-apiserver", READY_WITHIN, async || {
            etcd.ensure_running()?;
            self.process.ensure_running()?;
            Ok(match look(client).await {
                Ok(()) => Seen::Done(()),
                Err(error) => Seen::NotYet(format!("{error}. {}", self.process.end_of_log())),
            })
        })
        .await
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(super) fn directory(&self) -> &Path {
        self.process.directory()
    }

    pub(super) fn signal(&mut self, signal: &str) -> Result<()> {
        self.process.signal(signal)
    }

    pub(super) fn log(&self) -> String {
        self.process.log()
    }
}

async fn look(client: &Client) -> Result<()> {
    let readyz = http::Request::get("/readyz").body(Vec::new())?;
    client.request_text(readyz).await?;
    // It is created by a controller that readiness doesn't wait for.
    Api::<Namespace>::all(client.clone()).get("default").await?;
    Ok(())
}

fn flags(directory: &TempDir, address: SocketAddr, etcd: &str) -> Vec<String> {
    let at = |name: &str| directory.path().join(name).display().to_string();
    vec![
        format!("--etcd-servers={etcd}"),
        format!("--bind-address={}", address.ip()),
        format!("--advertise-address={}", address.ip()),
        format!("--secure-port={}", address.port()),
        "--permit-port-sharing=true".to_owned(), // see ReservedPort
        format!("--cert-dir={}", at("generated")),
        format!("--tls-cert-file={}", at("server.crt")),
        format!("--tls-private-key-file={}", at("server.key")),
        format!("--client-ca-file={}", at("ca.crt")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-signing-key-file={}", at("tokens.key")),
        format!("--service-account-key-file={}", at("tokens.pub")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        // There is no controller that creates service accounts or endpoints.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ]
}

fn write_certificates(directory: &TempDir) -> Result<()> {
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text);
    let write_leaf = |name: &str, leaf: &Leaf| {
        write(&format!("{name}.crt"), &leaf.certificate)?;
        write(&format!("{name}.key"), &leaf.key)
    };
    let authority = Authority::new("control plane for tests")?;
    write("ca.crt", &authority.certificate())?;
    let server = authority.server(["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
    write_leaf("server", &server)?;
    write_leaf("admin", &authority.client("admin", "system:masters")?)?;
    let tokens = KeyPair::generate()?;
    write("tokens.key", &tokens.serialize_pem())?;
    write("tokens.pub", &tokens.public_key_pem())?;
    Ok(())
}

/// A reserved port that only kube-apiserver can use.
///
/// A socket that is bound but doesn't listen keeps the kernel from giving the port to others, and accepts no
/// connections. With `SO_REUSEPORT` on both sides, kube-apiserver can still bind it.
struct ReservedPort {
    address: SocketAddr,
    _socket: Socket,
}

impl ReservedPort {
    fn new() -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket();
        Ok(Self { address: address.context("an IPv4 socket has an IPv4 address")?, _socket: socket })
    }
}
