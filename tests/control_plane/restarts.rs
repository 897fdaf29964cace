//! Two instances behind one address are restarted again and again, as in a rollout, while clients write. No write
//! fails.
//!
//! [`Balancer`] does what a Service does in a cluster: it sends each new connection to an instance that was ready at
//! the last probe, and the connection stays there until it ends.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use control_plane::{
    ControlPlane, Seen, Webhook, WebhookCertificates, eventually, install_crd, model_endpoint_resource,
};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::cluster::{binary, deploy_directory, endpoint, test};

const RESTARTS_OF_EACH: usize = 10;
const WRITERS: usize = 4;
/// A tenth of the default. [`LOOK_EVERY`] likewise is a tenth of the time that a cluster takes to move traffic away.
const DRAIN: &str = "1s";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn restarting_every_instance_ten_times_fails_no_write() {
    test(async {
        let control_plane = ControlPlane::start().await?;
        install_crd(&control_plane.client()).await?;
        let certificates = WebhookCertificates::new(&["modelendpoint-webhook.modelendpoint-webhook.svc"])?;
        let start = async || {
            let mut arguments = certificates.serve_arguments();
            arguments.extend(["--drain".into(), DRAIN.into()]);
            Webhook::start(binary(), &arguments).await
        };
        let balancer = Balancer::start().await?;
        let mut instances = [start().await?, start().await?];
        for instance in &instances {
            balancer.add(instance);
            balancer.sends_to(instance).await?;
        }
        control_plane.register_webhooks(deploy_directory(), balancer.port, &certificates.ca_bundle()).await?;

        let endpoints = Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let done = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(endpoints.clone(), writer, Arc::clone(&done))))
            .collect();
        for _ in 0..RESTARTS_OF_EACH {
            for instance in &mut instances {
                ensure!(instance.stop().await? == 0, "an instance did not end in good order");
                balancer.remove(instance);
                *instance = start().await?;
                balancer.add(instance);
                balancer.sends_to(instance).await?;
            }
        }
        done.store(true, Relaxed);
        let mut counts = Vec::new();
        for writer in writers {
            counts.push(writer.await?.context("a write failed")?);
        }
        eprintln!("{counts:?} writes of {WRITERS} clients during {} restarts", 2 * RESTARTS_OF_EACH);
        ensure!(counts.iter().all(|count| *count > 2 * RESTARTS_OF_EACH), "there was no steady load");
        Ok(())
    });
}

/// Makes writes that must be patched and writes that must be denied, until `done`.
async fn write(endpoints: Api<DynamicObject>, writer: usize, done: Arc<AtomicBool>) -> Result<usize> {
    let name = format!("written-{writer}");
    let url = |n: usize| json!({ "url": format!("http://10.0.1.50/{n}/v1") });
    endpoints.create(&PostParams::default(), &endpoint(&name, &url(0))).await?;
    let mut count = 1;
    while !done.load(Relaxed) {
        let spec = json!({ "spec": url(count) });
        let stored = endpoints.patch(&name, &PatchParams::default(), &Patch::Merge(&spec)).await?;
        let expected = json!(format!("/{count}/"));
        ensure!(stored.data["spec"]["rewritePath"] == expected, "not patched: {stored:?}");
        let malformed = json!({ "spec": { "url": "http://[::1" } });
        match endpoints.patch(&name, &PatchParams::default(), &Patch::Merge(&malformed)).await {
            Err(kube::Error::Api(status)) if status.reason == "Invalid" => {}
            other => anyhow::bail!("expected a denial, and got {other:?}"),
        }
        count += 2;
    }
    Ok(count)
}

struct Balancer {
    port: u16,
    backends: Arc<Mutex<Vec<Backend>>>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Clone, Copy)]
struct Backend {
    https: SocketAddr,
    ops: SocketAddr,
    ready: bool,
}

impl Balancer {
    async fn start() -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let port = socket.local_addr()?.port();
        let backends = Arc::new(Mutex::new(Vec::new()));
        let tasks = [
            tokio::spawn(forward(socket, Arc::clone(&backends))),
            tokio::spawn(keep_looking(Arc::clone(&backends))),
        ];
        Ok(Self { port, backends, tasks })
    }

    fn add(&self, instance: &Webhook) {
        let (https, ops) = (instance.address(), instance.ops_address());
        self.backends.lock().expect("nobody panics").push(Backend { https, ops, ready: false });
    }

    fn remove(&self, instance: &Webhook) {
        self.backends.lock().expect("nobody panics").retain(|backend| backend.https != instance.address());
    }

    /// Waits until new connections may go to this instance.
    async fn sends_to(&self, instance: &Webhook) -> Result<()> {
        eventually("readiness of the instance", PATIENCE, async || {
            let backends = self.backends.lock().expect("nobody panics");
            let ready = backends.iter().any(|backend| backend.https == instance.address() && backend.ready);
            Ok(if ready { Seen::Done(()) } else { Seen::NotYet(instance.log()) })
        })
        .await
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Round robin. A connection that a backend refuses is not retried elsewhere, as with a Service.
async fn forward(socket: TcpListener, backends: Arc<Mutex<Vec<Backend>>>) {
    let mut turn = 0;
    while let Ok((mut client, _)) = socket.accept().await {
        turn += 1;
        let ready: Vec<_> =
            backends.lock().expect("nobody panics").iter().filter(|backend| backend.ready).copied().collect();
        let Some(backend) = ready.get(turn % ready.len().max(1)).copied() else { continue };
        tokio::spawn(async move {
            let mut server = TcpStream::connect(backend.https).await?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

/// Asks each instance whether it is ready, as the kubelet does.
async fn keep_looking(backends: Arc<Mutex<Vec<Backend>>>) {
    loop {
        let known = backends.lock().expect("nobody panics").clone();
        for backend in known {
            let ready = matches!(timeout(PATIENCE, is_ready(backend.ops)).await, Ok(Ok(true)));
            for known in backends.lock().expect("nobody panics").iter_mut() {
                if known.ops == backend.ops {
                    known.ready = ready;
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn is_ready(ops: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(ops).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}
