//! A cluster in, what the webhook would say about its stored ModelEndpoints out.

use std::pin::pin;

use anyhow::anyhow;
use tokio::select;
use tokio::signal::ctrl_c;

use super::run::{Report, SourceReport};
use super::sources::{Source, Unreadable};
use crate::cli::Access;
use crate::cluster::access::{Cluster, connect};
use crate::cluster::failure::why;
use crate::cluster::pages::Pages;
use crate::cluster::{Stored, endpoints_path, policies, served_generation};
use modelendpoint_lint::check::{Checked, Terms};
use modelendpoint_lint::finding::Name;

/// Which endpoints to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// Those of this namespace, or of the one that the kubeconfig names.
    Namespace(Option<&'a str>),
    All,
}

/// Reads and judges every stored ModelEndpoint, as if it were written today. `tell` is called with the number of
/// endpoints that are done, and of all. If Ctrl-C or an error ends it early, the report covers what was read so far.
///
/// # Errors
/// If the cluster can't be reached: what to change.
pub(crate) async fn check(
    access: &Access,
    scope: Scope<'_>,
    terms: Terms<'_>,
    tell: impl Fn(usize, usize),
) -> anyhow::Result<Report> {
    let Cluster { client, namespace, address } = connect(access).await?;
    let namespace = match scope {
        Scope::All => None,
        Scope::Namespace(name) => Some(name.unwrap_or(&namespace)),
    };
    let source = Source::Cluster(namespace.map(str::to_owned));
    let refused = |error| refused(&error, &source, &address);
    let generation = match terms.generation {
        None => served_generation(&client).await,
        told => told,
    };
    let terms = Terms { generation, ..terms };
    let mut notes = Vec::from_iter(policies::compared(&client, terms.policy).await);
    let mut pages = Pages::of(client, endpoints_path(namespace));
    let mut checked = Checked::default();
    let mut unreadable = Vec::new();
    // One signal handler for all pages, so that a Ctrl-C between two pages is not lost.
    let mut interrupted = pin!(ctrl_c());
    loop {
        let page = select! {
            page = pages.next::<Stored>() => page,
            _ = &mut interrupted => {
                unreadable.push(Unreadable("interrupted: the rest of the cluster was not read".to_owned()));
                break;
            }
        };
        match page {
            Ok(Some(page)) => {
                for endpoint in &page.items {
                    check_endpoint(endpoint, terms, &mut checked);
                }
                let done = checked.count.endpoints;
                tell(done, done + page.remaining.unwrap_or_default());
            }
            Ok(None) => break,
            Err(error) if checked.count.endpoints == 0 => return Err(refused(error)),
            Err(error) => {
                unreadable
                    .push(Unreadable(format!("the rest of the cluster was not read: {}", refused(error))));
                break;
            }
        }
    }
    if checked.count.endpoints == 0 && unreadable.is_empty() {
        let advice = if namespace.is_some() { "; -A reads all namespaces" } else { "" };
        notes.push(format!("{} contains no ModelEndpoint{advice}", source.name()));
    }
    let outcomes = vec![SourceReport::of(&source, String::new(), checked)];
    Ok(Report { outcomes, unreadable, notes, is_verbose: false })
}

fn check_endpoint(endpoint: &Stored, terms: Terms<'_>, checked: &mut Checked) {
    let name = Name { namespace: endpoint.metadata.namespace.clone(), name: endpoint.metadata.name.clone() };
    checked.count.endpoints += 1;
    match endpoint.judged(terms) {
        (Some(decision), findings) => checked.add(&decision, findings, &name),
        (None, findings) => checked.keep(findings, &name),
    }
}

fn refused(error: &kube::Error, source: &Source, address: &str) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            anyhow!("the cluster at {address} knows no ModelEndpoints: is Modelplane installed there?")
        }
        kube::Error::Api(_) => anyhow!("cannot list the ModelEndpoints in {}: {}", source.name(), why(error)),
        _ => anyhow!("cannot ask the cluster at {address}: {}", why(error)),
    }
}
