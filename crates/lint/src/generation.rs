//! An endpoint and the fields that a cluster has flow in; findings about the other fields flow out.
//!
//! An API server drops the fields that its definition of ModelEndpoint does not have before it calls any webhook.
//! Then it says only that a required field is missing.

use modelendpoint_core::endpoint::migration::{Migrated, Obstacle, migrate};
use modelendpoint_core::endpoint::{DEFAULT_PREFIX, Field, Generation, Spec};

use crate::finding::{Finding, GENERATION, Level};

/// The findings about an endpoint that does not have the fields of the cluster.
#[must_use]
pub fn of_other_generation(spec: &Spec<'_>, cluster: Option<Generation>) -> Option<Finding> {
    let (field, problem, remedy) = match (spec.generation(), cluster?) {
        (Some(Generation::Url), Generation::Origin) => {
            (Field::Url, "is dropped by Modelplane 0.5, which requires `spec.origin`", origin_for(spec))
        }
        (Some(Generation::Origin), Generation::Url) => (
            Field::Origin,
            "is dropped by Modelplane before 0.5, which then asks for `spec.url`",
            url_for(spec),
        ),
        (None, Generation::Origin) => (
            Field::Origin,
            "is missing: while a ModelRoute selects this endpoint, the route is not updated",
            "write one, or delete the endpoint".to_owned(),
        ),
        _ => return None,
    };
    let finding = Finding::new(GENERATION, Level::Deny, problem).with_remedy(remedy);
    Some(Finding { field: Some(field), ..finding })
}

fn origin_for(spec: &Spec<'_>) -> String {
    match migrate(spec) {
        Ok(Migrated { origin, prefix }) => {
            format!(
                "write `origin: {origin}` and `prefix: {prefix}` under `api`, as `modelendpoint migrate` does"
            )
        }
        Err(Obstacle { field, problem, remedy }) => {
            format!("rewrite it by hand: {} {problem}; {remedy}", field.path())
        }
    }
}

fn url_for(spec: &Spec<'_>) -> String {
    let prefix = spec.prefix.text().copied().unwrap_or(DEFAULT_PREFIX);
    let long = |text: &&&str| text.len() <= 200 && !text.contains(['@', '?', '#']);
    match spec.origin.text().filter(long) {
        Some(origin) => format!("write `url: {}{prefix}`", origin.trim_end_matches('/')),
        None => "write the whole URL in `url`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use modelendpoint_core::endpoint::Value;

    use super::*;

    #[test]
    fn what_a_cluster_drops_is_told_with_what_to_write() {
        let url = Spec::of_url(Value::Text("https://api.groq.com/openai/v1"), Value::Absent);
        let address = Spec::of_url(Value::Text("http://10.0.1.50/v1"), Value::Absent);
        let origin = Spec { origin: Value::Text("https://api.openai.com"), ..Spec::EMPTY };
        let told =
            |spec: Spec<'_>, cluster| of_other_generation(&spec, cluster).map(|finding| finding.sentence());
        let (old, new) = (Some(Generation::Url), Some(Generation::Origin));
        for (spec, cluster) in [(url, None), (url, old), (origin, None), (origin, new), (Spec::EMPTY, old)] {
            assert_eq!(told(spec, cluster), None, "{spec:?}");
        }
        for (spec, cluster, sentence) in [
            (
                url,
                new,
                "spec.url is dropped by Modelplane 0.5, which requires `spec.origin`; write `origin: \
                 https://api.groq.com` and `prefix: /openai/v1` under `api`, as `modelendpoint migrate` does",
            ),
            (
                origin,
                old,
                "spec.origin is dropped by Modelplane before 0.5, which then asks for `spec.url`; write \
                 `url: https://api.openai.com/v1`",
            ),
            (
                Spec::EMPTY,
                new,
                "spec.origin is missing: while a ModelRoute selects this endpoint, the route is not updated; \
                 write one, or delete the endpoint",
            ),
        ] {
            assert_eq!(told(spec, cluster).as_deref(), Some(sentence));
        }
        assert!(
            told(address, new)
                .is_some_and(|told| told.contains("rewrite it by hand: spec.url has an IP address"))
        );
    }
}
