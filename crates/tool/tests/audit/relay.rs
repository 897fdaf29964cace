//! A connection to the API server that can be cut, as when the API server restarts or the network fails.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use control_plane::ControlPlane;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Relay {
    port: u16,
    /// Connections that are open; `None` while it is closed.
    open: Arc<Mutex<Option<JoinSet<()>>>>,
    directory: TempDir,
}

impl Relay {
    pub(crate) async fn to(control_plane: &ControlPlane) -> Result<Self> {
        let server = control_plane.api_server_url().strip_prefix("https://").context("a URL")?;
        let server: SocketAddr = server.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let open = Arc::new(Mutex::new(Some(JoinSet::new())));
        let accepting = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if let Some(open) = accepting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    open.spawn(async move {
                        if let Ok(mut server) = TcpStream::connect(server).await {
                            let _ = copy_bidirectional(&mut client, &mut server).await;
                        }
                    });
                }
            }
        });
        let relay = Relay { port, open, directory: tempfile::tempdir()? };
        let kubeconfig = fs::read_to_string(control_plane.kubeconfig())?;
        let direct = format!("https://{server}");
        anyhow::ensure!(kubeconfig.contains(&direct), "a kubeconfig without {direct}");
        fs::write(relay.kubeconfig(), kubeconfig.replace(&direct, &relay.url()))?;
        Ok(relay)
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Ends all connections, and lets no new one through.
    pub(crate) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(JoinSet::new());
    }
}

/// A kubeconfig with a token instead of an administrator's certificate.
pub(crate) fn kubeconfig_with_token(
    control_plane: &ControlPlane,
    directory: &Path,
    token: &str,
) -> Result<PathBuf> {
    let admin: Value =
        serde_json::to_value(kube::config::Kubeconfig::read_from(control_plane.kubeconfig())?)?;
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{ "name": "c", "cluster": admin["clusters"][0]["cluster"] }],
        "users": [{ "name": "u", "user": { "token": token } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    let path = directory.join("kubeconfig");
    fs::write(&path, kubeconfig.to_string())?;
    Ok(path)
}
