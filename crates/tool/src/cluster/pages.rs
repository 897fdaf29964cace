//! A collection of the API server in, its objects page by page out.
//!
//! A page holds a number of objects, and no more than a number of bytes: where large objects make it larger, it
//! is asked for again with fewer of them. A page that is gone (410) because reading took longer than the API
//! server keeps a snapshot is replaced by the rest of the collection as it is now, so that a slow reader gets to
//! the end.

use std::fmt::Write;

use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::{Waits, in_time};

/// So many objects come at a time, unless they are large.
const OBJECTS: u32 = 500;
/// The largest page, in bytes. Modelplane's endpoints take 3 KiB each; one alone can take 3 MiB.
const BYTES: usize = 8 << 20;
/// A collection that is being read.
pub(crate) struct Pages {
    client: Client,
    path: String,
    selector: Option<&'static str>,
    limit: u32,
    next: Next,
    /// The resource version of what was read last.
    pub(crate) version: String,
    /// Whether what was read is of more than one moment.
    pub(crate) is_torn: bool,
}

enum Next {
    First,
    After(String),
    End,
}

/// Some of a collection.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// How many are left, where the API server tells.
    pub(crate) remaining: Option<usize>,
}

impl Pages {
    /// All objects at a path.
    pub(crate) fn of(client: Client, path: String) -> Self {
        let next = Next::First;
        Pages { client, path, selector: None, limit: OBJECTS, next, version: String::new(), is_torn: false }
    }

    /// Those that have a label.
    pub(crate) fn labelled(self, selector: &'static str) -> Self {
        Pages { selector: Some(selector), ..self }
    }

    /// The next page, or `None` after the last one.
    ///
    /// # Errors
    /// When the API server can't be asked, or refuses.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> kube::Result<Option<Page<T>>> {
        let mut waits = Waits::new();
        loop {
            let token = match &self.next {
                Next::First => None,
                Next::After(token) => Some(token.as_str()),
                Next::End => return Ok(None),
            };
            match self.ask::<T>(token).await {
                Ok(Asked::Page(list)) => return Ok(Some(self.took(list))),
                Ok(Asked::TooLarge) => self.limit = (self.limit / 2).max(1),
                Err(kube::Error::Api(status)) if status.code == 410 && token.is_some() => {
                    self.go_on_after(*status)?;
                }
                // of an API server that was never there, a person hears at once
                Err(error) if token.is_none() && !matches!(error, kube::Error::Api(_)) => return Err(error),
                Err(error) => match waits.after(&error) {
                    Some(wait) => sleep(wait).await,
                    None => return Err(error),
                },
            }
        }
    }

    async fn ask<T: DeserializeOwned>(&self, token: Option<&str>) -> kube::Result<Asked<T>> {
        let mut uri = format!("{}?limit={}", self.path, self.limit);
        for (key, value) in [("labelSelector", self.selector), ("continue", token)] {
            if let Some(value) = value {
                let _ = write!(uri, "&{key}={}", escaped(value));
            }
        }
        let request = http::Request::get(uri).body(Body::empty()).map_err(kube::Error::HttpError)?;
        let answer = async {
            let response = self.client.send(request).await?;
            let status = response.status();
            match Limited::new(response.into_body(), BYTES).collect().await {
                Ok(body) => Ok(Some((status, body.to_bytes()))),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(None),
                Err(error) => Err(kube::Error::Service(error)),
            }
        };
        let Some((status, body)) = in_time(answer).await? else {
            // one object alone is never as large
            return if self.limit > 1 { Ok(Asked::TooLarge) } else { Err(refusal(500, b"it is too large")) };
        };
        if status.is_success() {
            serde_json::from_slice(&body).map(Asked::Page).map_err(kube::Error::SerdeError)
        } else {
            Err(refusal(status.as_u16(), &body))
        }
    }

    fn took<T>(&mut self, list: List<T>) -> Page<T> {
        self.version = list.metadata.resource_version;
        self.next = match list.metadata.next {
            Some(token) if !token.is_empty() => Next::After(token),
            _ => Next::End,
        };
        Page { items: list.items, remaining: list.metadata.remaining_item_count }
    }

    /// Reads the rest as it is now, if the API server says how.
    fn go_on_after(&mut self, gone: Status) -> kube::Result<()> {
        match gone.metadata.as_ref().and_then(|metadata| metadata.continue_.clone()) {
            Some(token) if !token.is_empty() => {
                self.next = Next::After(token);
                self.is_torn = true;
                Ok(())
            }
            _ => Err(kube::Error::Api(gone.boxed())),
        }
    }
}

enum Asked<T> {
    Page(List<T>),
    TooLarge,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMetadata,
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
    remaining_item_count: Option<usize>,
}

/// What the API server answers, which is no Status where it does not know the path.
fn refusal(code: u16, body: &[u8]) -> kube::Error {
    let status = serde_json::from_slice(body).unwrap_or_else(|_| {
        let message = String::from_utf8_lossy(body).trim().chars().take(200).collect();
        Status { code, message, ..Status::default() }
    });
    kube::Error::Api(status.boxed())
}

/// Percent-encoded for a query.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
