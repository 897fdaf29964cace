//! What the MutatingAdmissionPolicy changes, as [`mutation`](crate::endpoint::mutation) does: the default of a
//! rewritePath, its refresh and the slash at its end, and an origin that is not in normal form.

use super::written::old;
use super::{LONGEST, Variable, path, reading, url, used};
use crate::endpoint::origin::{DEFAULT_PREFIX, MOST_PORT_DIGITS};

/// What the MutatingAdmissionPolicy evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Names and expressions of type bool, in addition to [`CHANGES_WHERE_IT_LEADS`](super::CHANGES_WHERE_IT_LEADS).
    pub conditions: [(&'static str, String); 2],
    pub variables: Vec<Variable>,
    /// Of type list of `JSONPatch`.
    pub patch: &'static str,
}

#[must_use]
pub fn mutation() -> Mutation {
    const PATCH: &str = "\
variables.hasOrigin
? (variables.normalOrigin == variables.url
? []
: [JSONPatch{op: 'add', path: '/spec/origin', value: variables.normalOrigin}])
: variables.wanted == variables.path
? []
: [JSONPatch{op: 'add', path: '/spec/rewritePath', value: variables.wanted}]";
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    let mut variables = vec![
        text("hasOrigin", "object.spec.?origin.hasValue()"),
        text("url", "variables.hasOrigin ? object.spec.origin : object.spec.url"),
        text("path", "object.spec.?rewritePath.orValue(null) == null ? '' : object.spec.rewritePath"),
        Variable::new("prefix", format!("object.spec.?api.?prefix.orValue('{DEFAULT_PREFIX}')")),
        text("oldUrl", &old("url")),
        text("oldPath", &old("rewritePath")),
    ];
    variables.extend(url::variables("url"));
    variables.extend(url::variables("oldUrl"));
    variables.extend(reading(&path::READING, "path"));
    variables.push(text("default", "variables.urlDefaultBody + '/'"));
    variables.extend(reading(&path::READING, "default"));
    variables.extend(of_a_path());
    variables.extend(of_an_origin());
    Mutation { conditions: conditions(), variables: used(variables, PATCH), patch: PATCH }
}

/// A rewritePath: what it is to be.
fn of_a_path() -> [Variable; 2] {
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    [
        // The owner of the field is unknown: CEL has no metadata.managedFields.
        text(
            "followsUrl",
            "variables.url != variables.oldUrl && variables.path == variables.oldPath &&
variables.oldUrlFault == '' && variables.pathIsRewritePath && variables.path == variables.oldUrlDefaultBody + '/'",
        ),
        text(
            "wanted",
            "variables.path == '' || variables.followsUrl
? (variables.urlFault == '' && variables.defaultIsRewritePath ? variables.default : variables.path)
: (variables.pathIsRewritePath ? variables.pathBody + '/' : variables.path)",
        ),
    ]
}

/// An origin: what it is to be, and whether that is certain, as `origin::normal_form` says.
fn of_an_origin() -> [Variable; 4] {
    let without_slash = |text: &str| {
        format!(
            "variables.{text}.endsWith('/') ? variables.{text}.substring(0, variables.{text}.size() - 1) : \
             variables.{text}"
        )
    };
    [
        Variable::new("pathWithoutSlash", without_slash("urlPath")),
        Variable::new("prefixWithoutSlash", without_slash("prefix")),
        Variable::new(
            "isNormalizable",
            format!(
                "variables.urlFault == '' && variables.urlKnownScheme in ['http', 'https'] &&
variables.urlHostKind == 'name' && !variables.urlHost.endsWith('.') &&
(variables.urlPortText == '' || variables.urlPort != 0 && variables.urlPortText.size() <= {}) &&
!variables.urlAuthority.contains('@') && !variables.url.matches('[?#]') &&
variables.url.indexOf('://') == variables.url.lastIndexOf('://') &&
(variables.pathWithoutSlash == '' || variables.pathWithoutSlash == variables.prefixWithoutSlash)",
                MOST_PORT_DIGITS + ":".len()
            ),
        ),
        Variable::new(
            "normalOrigin",
            "variables.isNormalizable ? variables.urlKnownScheme + '://' + variables.urlHostAndPort : variables.url"
                .to_owned(),
        ),
    ]
}

/// The conditions of the mutating webhook, and what the expressions need.
fn conditions() -> [(&'static str, String); 2] {
    let is_not_in_normal_form = "\
type(object.?spec.orValue(null)) == map && object.spec.?origin.hasValue() ?
!(type(object.spec.origin) == string &&
object.spec.origin.matches('^https?://[a-z0-9.-]*[a-z-][a-z0-9.-]*(:([1-9][0-9]{0,3}|[1-5][0-9]{4}))?$') &&
type(object.spec.?api.orValue(null)) == map &&
type(object.spec.api.?prefix.orValue(null)) == string && object.spec.api.prefix.startsWith('/')) :
!(type(object.?spec.orValue(null)) == map &&
type(object.spec.?rewritePath.orValue(null)) == string &&
object.spec.rewritePath.endsWith('/') &&
!object.spec.rewritePath.endsWith('//')) ||
(request.operation == 'UPDATE' &&
(type(oldObject.?spec.orValue(null)) != map || object.spec.?url != oldObject.spec.?url))";
    // The schema refuses another type, but later.
    let is_text = |value: &str| format!("type({value}) == string && {value}.size() <= {LONGEST}");
    let is_text = format!(
        "type(object.?spec.orValue(null)) == map &&
(object.spec.?origin.hasValue()
? {} && type(object.spec.?api.orValue({{}})) == map &&
{}
: {} &&
(object.spec.?rewritePath.orValue(null) == null ||
{}))",
        is_text("object.spec.origin"),
        is_text("object.spec.?api.?prefix.orValue('')"),
        is_text("object.spec.?url.orValue(null)"),
        is_text("object.spec.?rewritePath.orValue(null)"),
    );
    [("is-not-in-normal-form", is_not_in_normal_form.to_owned()), ("is-text", is_text)]
}
