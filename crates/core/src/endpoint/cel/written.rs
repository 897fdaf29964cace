//! The variables of the object that is written, and of the one that it replaces.

use super::{LONGEST, Variable, address, literal, path, reading, url};
use crate::endpoint::field::Field;

/// Texts that can be too long to be judged: the variable, and what stands for a value that is not there.
const TEXTS: [(&str, Field, &str); 5] = [
    ("writtenUrl", Field::Url, ""),
    ("writtenPath", Field::RewritePath, ""),
    ("writtenOrigin", Field::Origin, ""),
    ("writtenPrefix", Field::Prefix, "/v1"),
    ("writtenModel", Field::Model, ""),
];

/// What the rules' expressions may use.
pub(super) fn variables() -> Vec<Variable> {
    let text = |name: &str, expression: &str| Variable::new(name, expression.to_owned());
    let mut variables = vec![
        text("hasUrl", "object.?spec.?url.hasValue()"),
        text("hasOrigin", "object.?spec.?origin.hasValue()"),
    ];
    variables.extend(TEXTS.map(|(name, field, absent)| Variable::new(name, value(field, absent))));
    variables.extend([
        // a url and an origin are read alike
        text("writtenPlace", "variables.hasOrigin ? variables.writtenOrigin : variables.writtenUrl"),
        Variable::new("url", shortened("writtenPlace")),
        Variable::new("path", shortened("writtenPath")),
        Variable::new("prefix", shortened("writtenPrefix")),
        Variable::new("model", shortened("writtenModel")),
        Variable::new("secretName", value(Field::SecretName, "none")),
        Variable::new("secretKey", value(Field::SecretKey, "none")),
        text("oldUrl", &old("url")),
        // As Modelplane's parser reads values that were stored before there were rules.
        Variable::new(
            "storedText",
            format!(
                r"variables.oldUrl.size() > {LONGEST} ? '' : variables.oldUrl.find(r'[^\x00-\x20](?s:.*)')
.replace('\t', '').replace('\r', '').replace('\n', '').replace('\u212a', 'k')"
            ),
        ),
        text("storedFuture", r"variables.storedText.find(r'\[v[^\]]*\]')"),
        text(
            "storedUrl",
            "variables.storedFuture == '' ? variables.storedText
: variables.storedText.replace(variables.storedFuture,
variables.storedFuture.substring(1, variables.storedFuture.size() - 1), 1)",
        ),
    ]);
    variables.extend(url::variables("url"));
    variables.extend(url::variables("storedUrl"));
    variables.extend(reading(&path::READING, "path"));
    variables.push(text("host", "variables.urlHostIsClear ? variables.urlHostKind : 'unclear'"));
    variables.extend(address::variables());
    variables.push(text("familyOfSlice", "variables.storedUrlHasSlice ? variables.storedUrlFamily : ''"));
    // Crossplane reports for the stored generation that the slice already has another kind than the url.
    variables.push(text(
        "sliceIsStuck",
        "oldObject != null && variables.writtenUrl != variables.oldUrl &&
oldObject.?status.?conditions.orValue([]).exists(condition,
condition.?type.orValue('') == 'Synced' && condition.?status.orValue('') == 'False' &&
condition.?message.orValue('').matches(r'^Unsynced resources: (?s:.*)endpointslice') &&
condition.?observedGeneration.orValue(-1) == oldObject.metadata.?generation.orValue(0))",
    ));
    variables
}

/// A value that is too long to judge is refused, and not skipped: a message, or ''.
pub(super) fn too_long() -> String {
    let cases = TEXTS.map(|(name, field, _)| {
        let message = format!(
            "{}: has over {LONGEST} characters, the most that an admission policy can check; write a shorter value",
            field.path()
        );
        format!("variables.{name}.size() > {LONGEST}\n? {}\n: ", literal(&message))
    });
    cases.concat() + "''"
}

/// A field of the object that an update replaces. '' if it is not text.
pub(super) fn old(field: &str) -> String {
    let value = format!("oldObject.?spec.?{field}.orValue(null)");
    format!("oldObject != null && type({value}) == string ? oldObject.spec.{field} : ''")
}

fn value(field: Field, absent: &str) -> String {
    format!("object.?{}.orValue('{absent}')", field.keys().join(".?"))
}

fn shortened(name: &str) -> String {
    format!("variables.{name}.size() > {LONGEST} ? '' : variables.{name}")
}
