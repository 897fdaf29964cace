//! What is beside an origin, as the rules of Modelplane 0.5's fields read it.
//!
//! The origin itself is read as a url: [`url`](super::url).

use super::{Variable, literal, reading, texts};
use crate::endpoint::field::CLUSTER_LABEL;
use crate::endpoint::policy::Policy;
use crate::endpoint::rules::PREFIX_OPERATIONS;

/// As `api_path::is_version`: a segment.
const VERSION: &str = r#"[Vv][0-9]{1,2}([!#"$%&\x27()*+,.:;<=>?@\[\\\]^`{|}-][^/]*|(?i:(p[0-9]+)?(alpha|beta|preview)[0-9]*))?"#;

/// What people can't see, as `quote::is_invisible`: what is neither a letter, mark, number or sign nor a space, and those
/// letters and marks that leave nothing to see.
const INVISIBLE: &str = r"[^\pL\pM\pN\pP\pS ]|[\x{34f}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180f}\x{3164}\x{fe00}-\x{fe0f}\x{ffa0}\x{e0100}-\x{e01ef}]";

/// The variables that the rules use, and those that they depend on.
pub(super) fn variables(policy: &Policy) -> Vec<Variable> {
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    let mut variables = vec![
        text("originHasSecondSeparator", "variables.url.indexOf('://') != variables.url.lastIndexOf('://')"),
        text("schemaIsKnown", "object.?spec.?api.?schema.orValue('OpenAI') in ['OpenAI', 'Anthropic']"),
        text("prefixPath", "variables.prefix.find(r'^[^?#]*')"),
        text(
            "prefixPathHasStrangeCharacter",
            r"!variables.prefixPath.matches(r'^[A-Za-z0-9._~!$&()*+,;=:@/%\x27-]*$')",
        ),
        Variable::new(
            "prefixEndsInOperation",
            format!("variables.prefixPath.lowerAscii().matches(r'/({})/*$')", PREFIX_OPERATIONS.join("|")),
        ),
        Variable::new(
            "prefixHasVersionTwice",
            format!("variables.prefix.matches(r'(^|/){VERSION}/+{VERSION}(/|$)')"),
        ),
        Variable::new("modelHasStrangeCharacter", format!("variables.model.matches(r'^ | $|{INVISIBLE}')")),
        text(
            "secretNameIsSubdomain",
            r"variables.secretName.size() <= 253 &&
variables.secretName.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')",
        ),
        text(
            "secretKeyIsKey",
            "variables.secretKey.size() <= 253 && variables.secretKey.matches(r'^[A-Za-z0-9._-]+$') &&
variables.secretKey != '.' && !variables.secretKey.startsWith('..')",
        ),
        Variable::new("clusterLabelChanges", cluster_label_changes()),
        Variable::new("userMaySetClusterLabel", user_may_set_cluster_label(policy)),
    ];
    variables.splice(4..4, reading(&super::placeholder::READING, "prefixPath"));
    variables.extend(reading(&super::placeholder::READING, "model"));
    variables
}

/// An endpoint of the other generation has no such label.
fn cluster_label_changes() -> String {
    format!(
        "object.metadata.?labels[?'{CLUSTER_LABEL}'] !=
(oldObject != null && oldObject.?spec.?origin.hasValue() && !oldObject.?spec.?url.hasValue()
? oldObject.metadata.?labels[?'{CLUSTER_LABEL}']
: optional.none())"
    )
}

fn user_may_set_cluster_label(policy: &Policy) -> String {
    let (names, beginnings) = policy.cluster.names_and_beginnings();
    let mut ways = Vec::new();
    if !names.is_empty() {
        ways.push(format!("request.userInfo.username in {}", texts(names)));
    }
    ways.extend(
        beginnings.iter().map(|text| format!("request.userInfo.username.startsWith({})", literal(text))),
    );
    if ways.is_empty() { "false".to_owned() } else { ways.join(" ||\n") }
}
