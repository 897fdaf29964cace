//! An HTTP/1.1 client over TLS, and the `AdmissionReview`s that it sends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pairs::Pair;

/// The timeout for everything that tests wait for.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
    versions: Vec<&'static SupportedProtocolVersion>,
    name: ServerName<'static>,
    source: Ipv4Addr,
}

/// A whole answer, with the headers that matter, sorted by name.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Client {
    pub fn new(address: SocketAddr, trusted: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        for ca in trusted {
            roots.add(ca).expect("a CA certificate");
        }
        let roots = Arc::new(roots);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a DNS name");
        Self {
            address,
            config: Arc::new(config),
            roots,
            versions: rustls::ALL_VERSIONS.to_vec(),
            name,
            source: Ipv4Addr::LOCALHOST,
        }
    }

    pub fn named(mut self, name: &str) -> Self {
        self.name = ServerName::try_from(name.to_owned()).expect("a name or an address");
        self
    }

    /// Makes calls from this address.
    pub fn from(mut self, source: Ipv4Addr) -> Self {
        self.source = source;
        self
    }

    pub fn offering(mut self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self.config = Arc::new(config);
        self
    }

    pub fn speaking(mut self, version: &'static SupportedProtocolVersion) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version of aws-lc-rs")
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        self.config = Arc::new(config);
        self.versions = vec![version];
        self
    }

    /// Makes calls with a client certificate.
    pub fn presenting(mut self, pair: &Pair) -> Self {
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&self.versions)
            .expect("versions of aws-lc-rs")
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_auth_cert(vec![pair.leaf()], key)
            .expect("a pair");
        self.config = Arc::new(config);
        self
    }

    /// A connection after its handshake, for bytes of any kind.
    pub async fn stream(&self) -> io::Result<TlsStream<TcpStream>> {
        in_time("a handshake", async { self.stream_over(tcp_from(self.source, self.address).await?).await })
            .await
    }

    pub async fn stream_over(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), tcp).await
    }

    /// The first message of a handshake.
    pub fn hello(&self) -> Vec<u8> {
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), self.name.clone()).expect("a client");
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).expect("there is room");
        hello
    }

    /// Returns the leaf that the server presents.
    pub async fn leaf(&self) -> io::Result<CertificateDer<'static>> {
        let stream = self.stream().await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(chain.first().expect("a server presents a certificate").clone().into_owned())
    }

    pub async fn connect(&self) -> Connection {
        self.try_connect().await.expect("the server accepts")
    }

    pub async fn try_connect(&self) -> io::Result<Connection> {
        Ok(Connection::over(self.stream().await?).await)
    }

    /// Sends one review over a new connection.
    pub async fn post(&self, path: &str, review: &Value) -> Reply {
        self.connect().await.post(path, review).await
    }
}

/// A connection to an IPv4 address from one of the 16 million addresses of loopback, or to an IPv6 address.
pub async fn tcp_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.is_ipv4() && source != Ipv4Addr::LOCALHOST {
        socket.bind((source, 0).into())?;
    }
    let tcp = socket.connect(address).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

pub struct Connection(SendRequest<Body>);

impl Connection {
    async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a fresh connection");
        tokio::spawn(connection);
        Self(sender)
    }

    pub async fn post(&mut self, path: &str, review: &Value) -> Reply {
        self.send(json_request(path, review.to_string())).await.expect("an answer")
    }

    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Reply> {
        in_time("an answer", async {
            self.0.ready().await?;
            whole(self.0.send_request(request).await?).await
        })
        .await
    }

    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// A server that does not answer fails the test, instead of blocking it forever.
async fn in_time<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let in_time = timeout(PATIENCE, awaited).await;
    in_time.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

pub fn request(method: Method, path: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(path).header(HOST, "localhost")
}

pub fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body.into()).expect("a request")
}

/// `GET` over plain HTTP.
pub async fn get(address: SocketAddr, path: &str) -> Reply {
    plain(address, request(Method::GET, path).body(Body::empty()).expect("a request")).await
}

pub async fn plain(address: SocketAddr, request: Request<Body>) -> Reply {
    let stream = TcpStream::connect(address).await.expect("the server accepts");
    Connection::over(stream).await.send(request).await.expect("an answer")
}

async fn whole(response: Response<hyper::body::Incoming>) -> hyper::Result<Reply> {
    let status = response.status().as_u16();
    let mut headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| !["content-length", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    headers.sort();
    let body: Bytes = response.into_body().collect().await?.to_bytes();
    Ok(Reply { status, headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") })
}

impl Reply {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { status, headers: headers.iter().map(owned).collect(), body: body.to_owned() }
    }

    pub fn text(status: u16, sentence: &str) -> Self {
        Self::new(status, &[("content-type", "text/plain; charset=utf-8")], &format!("{sentence}\n"))
    }

    /// The `AdmissionReview` of an answer with status 200.
    pub fn review(&self) -> Value {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        assert!(self.status == 200 && self.headers.contains(&json), "no review: {self:?}");
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The answer that allows a request without a warning.
pub fn allowed(uid: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": { "uid": uid, "allowed": true },
    })
}

/// The review of a create of an endpoint with this url, and a rewritePath that fits most urls.
pub fn create(uid: &str, url: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": { "group": "modelplane.ai", "version": "v1alpha1", "kind": "ModelEndpoint" },
            "resource": { "group": "modelplane.ai", "version": "v1alpha1", "resource": "modelendpoints" },
            "name": "qwen",
            "namespace": "ml-team",
            "operation": "CREATE",
            "userInfo": { "username": "jane" },
            "object": {
                "apiVersion": "modelplane.ai/v1alpha1",
                "kind": "ModelEndpoint",
                "metadata": { "name": "qwen", "namespace": "ml-team" },
                "spec": { "url": url, "rewritePath": "/ml-team/qwen/" },
            },
            "dryRun": false,
        },
    })
}

/// Sends the first half of a review, and returns the other one for later.
pub async fn half_a_review(client: &Client, uid: &str) -> (TlsStream<TcpStream>, Vec<u8>) {
    let mut stream = client.stream().await.expect("the server accepts");
    let review = create(uid, FINE).to_string();
    let (first, rest) = review.split_at(100);
    let head = format!(
        "POST /validate?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        review.len()
    );
    stream.write_all(format!("{head}{first}").as_bytes()).await.expect("the server reads");
    (stream, rest.as_bytes().to_vec())
}

pub const FINE: &str = "http://10.0.1.50:8000";
pub const MALFORMED: &str = "http://[::1";
