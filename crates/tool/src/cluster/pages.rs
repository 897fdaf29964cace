//! A collection of the API server in, its objects page by page out.
//!
//! The number of objects and of bytes in a page is limited. If large objects exceed the limit, the page is requested
//! again with fewer objects. If reading takes longer than the API server keeps a snapshot, a page is gone (410). Then
//! the rest of the collection is read in its current state, so that a slow reader reaches the end.

use std::fmt::Write;

use http::HeaderMap;
use kube::Client;
use kube::core::Status;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::ask::{ask, refusal};
use super::failure::Waits;

/// The number of objects in a page, unless they are large.
const OBJECTS: u32 = 500;

/// A collection that is being read.
pub(crate) struct Pages {
    client: Client,
    path: String,
    selector: Option<String>,
    limit: u32,
    next: Next,
    /// The resource version of what was read last.
    pub(crate) version: String,
    /// Whether the objects were read from more than one snapshot.
    pub(crate) is_torn: bool,
}

enum Next {
    First,
    After(String),
    End,
}

/// A part of a collection.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// How many are left, if the API server says so.
    pub(crate) remaining: Option<usize>,
}

impl Pages {
    /// All objects at a path.
    pub(crate) fn of(client: Client, path: String) -> Self {
        let next = Next::First;
        Pages { client, path, selector: None, limit: OBJECTS, next, version: String::new(), is_torn: false }
    }

    /// Only objects with a label.
    pub(crate) fn labelled(self, selector: String) -> Self {
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
                // If the API server has not answered yet, report the failure at once.
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
        for (key, value) in [("labelSelector", self.selector.as_deref()), ("continue", token)] {
            if let Some(value) = value {
                let _ = write!(uri, "&{key}={}", escaped(value));
            }
        }
        let request = http::Request::get(uri).body(Vec::new()).map_err(kube::Error::HttpError)?;
        match ask(&self.client, request).await? {
            Some(body) => serde_json::from_slice(&body).map(Asked::Page).map_err(kube::Error::SerdeError),
            None if self.limit > 1 => Ok(Asked::TooLarge),
            // A single object is never this large.
            None => Err(refusal(500, &HeaderMap::new(), b"it is too large")),
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

    /// Reads the rest in its current state, if the API server offers that.
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
