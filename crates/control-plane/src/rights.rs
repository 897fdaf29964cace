//! The permissions of a role, one verb at a time, for tests that remove each of them.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;

use crate::{ControlPlane, Seen, eventually};

/// How long the authorizer may take to learn about a stored role.
const SOON: Duration = Duration::from_secs(30);

/// One verb on one resource.
#[derive(Debug, Clone)]
pub struct Right {
    pub group: String,
    pub resource: String,
    /// The name of the object. Empty for every object of the resource.
    pub name: String,
    pub verb: String,
    /// `None` for a permission in every namespace.
    pub namespace: Option<String>,
}

impl Right {
    /// Each permission of a Role or a `ClusterRole`, with the role without it.
    #[must_use]
    pub fn all_of(role: &Value) -> Vec<(Self, Value)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut rights = Vec::new();
        for (index, rule) in role["rules"].as_array().into_iter().flatten().enumerate() {
            for verb in rule["verbs"].as_array().into_iter().flatten() {
                let mut without = role.clone();
                if let Some(verbs) = without["rules"][index]["verbs"].as_array_mut() {
                    verbs.retain(|kept| kept != verb);
                }
                let right = Right {
                    group: text(&rule["apiGroups"][0]),
                    resource: text(&rule["resources"][0]),
                    name: text(&rule["resourceNames"][0]),
                    verb: text(verb),
                    namespace: role["metadata"]["namespace"].as_str().map(str::to_owned),
                };
                rights.push((right, without));
            }
        }
        rights
    }
}

impl ControlPlane {
    /// Whether this user has the permission.
    pub async fn is_allowed(&self, user: &str, right: &Right) -> Result<bool> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(right.group.clone()),
                    resource: Some(right.resource.clone()),
                    name: Some(right.name.clone()),
                    namespace: right.namespace.clone(),
                    verb: Some(right.verb.clone()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews = Api::<SubjectAccessReview>::all(self.client());
        let reviewed = reviews.create(&PostParams::default(), &review).await?;
        Ok(reviewed.status.context("a status")?.allowed)
    }

    /// Waits until this user has the permission, or no longer has it. The authorizer learns about a role some time
    /// after it was stored.
    pub async fn allows(&self, user: &str, right: &Right, allowed: bool) -> Result<()> {
        eventually("the authorizer's new answer", SOON, async || {
            Ok(if self.is_allowed(user, right).await? == allowed {
                Seen::Done(())
            } else {
                Seen::NotYet(format!("allowed: {}", !allowed))
            })
        })
        .await
    }
}
