//! Reviews go out over TLS, as kube-apiserver sends them; the time that each took comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tokio_rustls::TlsConnector;

/// What is sent to one path, in turns.
#[derive(Clone)]
pub(crate) struct Reviews {
    pub path: &'static str,
    pub bodies: Arc<[Bytes]>,
}

impl Reviews {
    pub(crate) fn one(path: &'static str, body: Vec<u8>) -> Self {
        Self { path, bodies: Arc::new([Bytes::from(body)]) }
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, ca: CertificateDer<'static>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(ca)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // kube-apiserver never resumes a session
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { address, tls: TlsConnector::from(Arc::new(config)) })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("localhost")?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// `count` requests over `connections` connections, one in flight on each.
    pub(crate) async fn saturate(
        &self,
        reviews: &Reviews,
        connections: usize,
        count: usize,
    ) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        for start in 0..connections {
            let (client, reviews) = (self.clone(), reviews.clone());
            tasks.spawn(async move {
                let mut connection = client.connect().await?;
                for number in 0..count / connections {
                    connection.send(&reviews, start + number).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// `count` connections with one request each, four at a time.
    pub(crate) async fn reconnect(&self, reviews: &Reviews, count: usize) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let (client, reviews) = (self.clone(), reviews.clone());
            tasks.spawn(async move {
                for number in 0..count / 4 {
                    client.connect().await?.send(&reviews, number).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// So many requests per second for so long, over 32 connections: how long each took, sorted.
    pub(crate) async fn pace(
        &self,
        reviews: &Reviews,
        rate: u32,
        time: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        const CONNECTIONS: u32 = 32;
        let every = Duration::from_secs(1) * CONNECTIONS / rate;
        let mut tasks = JoinSet::new();
        for start in 0..CONNECTIONS {
            let (client, reviews) = (self.clone(), reviews.clone());
            tasks.spawn(async move {
                let mut connection = client.connect().await?;
                let mut took = Vec::new();
                let began = tokio::time::Instant::now() + every * start / CONNECTIONS;
                let mut next = began;
                while next < began + time {
                    sleep_until(next).await;
                    took.push(connection.send(&reviews, took.len()).await?);
                    next += every;
                }
                anyhow::Ok(took)
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            all.extend(ended??);
        }
        all.sort_unstable();
        Ok(all)
    }

    /// The first answer of a server that has just been started.
    pub(crate) async fn first_answer(&self, reviews: &Reviews) -> anyhow::Result<()> {
        for _ in 0..5_000 {
            if let Ok(mut connection) = self.connect().await {
                connection.send(reviews, 0).await?;
                return Ok(());
            }
            sleep(Duration::from_millis(1)).await;
        }
        anyhow::bail!("no answer within 5 seconds")
    }
}

pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn send(&mut self, reviews: &Reviews, number: usize) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.answer(reviews, number).await?;
        Ok(began.elapsed())
    }

    /// The bytes of an answer.
    pub(crate) async fn answer(&mut self, reviews: &Reviews, number: usize) -> anyhow::Result<Bytes> {
        let body = reviews.bodies.get(number % reviews.bodies.len()).context("a review")?;
        let request = Request::post(format!("{}?timeout=10s", reviews.path))
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json, */*")
            .header("user-agent", "kube-apiserver-admission")
            .body(Full::new(body.clone()))?;
        self.0.ready().await?;
        let answer = self.0.send_request(request).await?;
        let status = answer.status();
        let answer = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success() && !answer.is_empty(), "{status}: {answer:?}");
        Ok(answer)
    }
}
