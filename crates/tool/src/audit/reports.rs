//! Reports in, written to the API server out: as `Report` of openreports.io, or as the `PolicyReport` before it.

use kube::Client;
use kube::Resource;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, Request};
use serde_json::Value as Json;
use tokio::time::sleep;

use super::report::{LABEL, WRITER};
use crate::cluster::ask::ask;
use crate::cluster::failure::{Waits, in_time};
use crate::cluster::pages::Pages;

/// The kind of reports that the cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenReports,
    /// From the Policy Working Group. The same people replaced it with the kind above.
    PolicyReports,
}

/// Where reports are written.
pub(super) struct Reports {
    client: Client,
    pub(super) format: Format,
}

/// The kinds of reports that a cluster has.
#[must_use]
pub(super) struct Found {
    /// Where reports are written.
    pub(super) chosen: Option<Reports>,
    /// Where reports may have been written before the newer kind was installed.
    pub(super) superseded: Option<Reports>,
}

/// The result of a write.
#[derive(Debug)]
#[must_use]
pub(super) enum Written {
    Done,
    /// The namespace is being deleted, or was deleted, and the report with it.
    Superfluous,
    /// The cluster no longer has this kind of report.
    KindGone,
    Failed(kube::Error),
}

impl Format {
    /// In order of preference.
    const ALL: [Format; 2] = [Format::OpenReports, Format::PolicyReports];

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Format::OpenReports => "openreports.io/v1alpha1",
            Format::PolicyReports => "wgpolicyk8s.io/v1alpha2",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Format::OpenReports => "Report",
            Format::PolicyReports => "PolicyReport",
        }
    }

    /// Whether a report has a field for its author.
    pub(super) fn has_source(self) -> bool {
        self == Format::OpenReports
    }

    fn resource(self) -> ApiResource {
        let (group, version) = self.api_version().split_once('/').unwrap_or_default();
        let plural = match self {
            Format::OpenReports => "reports",
            Format::PolicyReports => "policyreports",
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, self.kind()), plural)
    }
}

impl Reports {
    /// Asks which kinds of reports the cluster has.
    ///
    /// # Errors
    /// When the API server can't be asked.
    pub(super) async fn find(client: &Client) -> kube::Result<Found> {
        let mut known = Vec::new();
        for format in Format::ALL {
            match in_time(client.list_api_group_resources(format.api_version())).await {
                Ok(list) if list.resources.iter().any(|resource| resource.kind == format.kind()) => {
                    known.push(Reports { client: client.clone(), format });
                }
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let mut known = known.into_iter();
        Ok(Found { chosen: known.next(), superseded: known.next() })
    }

    /// All reports that the audit wrote.
    pub(super) fn stored(&self) -> Pages {
        let path = DynamicObject::url_path(&self.format.resource(), None);
        Pages::of(self.client.clone(), path).labelled(format!("{LABEL}={WRITER}"))
    }

    pub(super) async fn apply(&self, namespace: &str, name: &str, report: &Json) -> Written {
        let params = PatchParams::apply(WRITER).force();
        let patch = Patch::Apply(report);
        self.write(self.requests(namespace).patch(name, &params, &patch)).await
    }

    pub(super) async fn delete(&self, namespace: &str, name: &str) -> Written {
        self.write(self.requests(namespace).delete(name, &DeleteParams::default())).await
    }

    fn requests(&self, namespace: &str) -> Request {
        Request::new(DynamicObject::url_path(&self.format.resource(), Some(namespace)))
    }

    async fn write(&self, request: Result<http::Request<Vec<u8>>, kube::core::request::Error>) -> Written {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Written::Failed(kube::Error::BuildRequest(error)),
        };
        let mut waits = Waits::new();
        loop {
            match ask(&self.client, request.clone()).await {
                Ok(_) => return Written::Done,
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    // If the API server knows the kind, it names the object that it did not find.
                    let names_it = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
                    return if names_it { Written::Superfluous } else { Written::KindGone };
                }
                Err(kube::Error::Api(status)) if is_terminating(&status) => return Written::Superfluous,
                Err(error) => match waits.after(&error) {
                    Some(wait) => sleep(wait).await,
                    None => return Written::Failed(error),
                },
            }
        }
    }
}

fn is_terminating(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
