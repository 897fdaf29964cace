//! `metadata.managedFields` and annotations flow in; whether anyone owns `spec.rewritePath` flows out.
//!
//! Nobody owns a field that a webhook added, until somebody applies or changes it (Kubernetes, server-side apply,
//! field management). `kubectl apply` does not send a value that is already stored. That its user owns the value
//! shows only in the annotation in which it keeps the manifest.

use super::json::{self, Lenient, Parsed, Raw, RawText, Read, Reader};
use crate::endpoint::Value;
use crate::endpoint::mutation::Ownership;

/// Says who owns `spec.rewritePath`. If that can't be read, it counts as owned, and the value is left alone.
#[must_use]
pub(super) fn of_rewrite_path(managed_fields: Option<Raw<'_>>, annotations: Option<Raw<'_>>) -> Ownership {
    if annotations.is_some_and(is_applied) {
        return Ownership::Somebody;
    }
    let Some(Raw(json)) = managed_fields else { return Ownership::Unknown };
    match json::from_slice::<Option<Owner>>(json) {
        Ok(owner) => owner.unwrap_or_default().0,
        Err(_) => Ownership::Somebody,
    }
}

/// Whether the manifest that was applied last has a rewritePath.
fn is_applied(Raw(annotations): Raw<'_>) -> bool {
    let annotations =
        json::from_slice::<Lenient<Annotations<'_>>>(annotations).ok().and_then(|lenient| lenient.0);
    let Some(Value::Text(manifest)) = annotations.map(|annotations| annotations.last_applied) else {
        return false;
    };
    // The manifest can be large, and kubectl writes its keys without escapes.
    if !manifest.mentions("rewritePath") {
        return false;
    }
    let Ok(manifest) = manifest.text() else { return false };
    let applied =
        json::from_slice::<Lenient<Applied<'_>>>(manifest.as_bytes()).ok().and_then(|lenient| lenient.0);
    let spec = applied.and_then(|applied| applied.spec.0);
    spec.is_some_and(|spec| matches!(spec.rewrite_path, Value::Text(path) if path != *""))
}

#[derive(Default)]
struct Annotations<'a> {
    last_applied: Value<RawText<'a>>,
}

#[derive(Default)]
struct Applied<'a> {
    spec: Lenient<AppliedSpec<'a>>,
}

#[derive(Default)]
struct AppliedSpec<'a> {
    rewrite_path: Value<RawText<'a>>,
}

impl<'a> Read<'a> for Annotations<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("kubectl.kubernetes.io/last-applied-configuration", &mut self.last_applied)])
    }
}

impl<'a> Read<'a> for Applied<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("spec", &mut self.spec)])
    }
}

impl<'a> Read<'a> for AppliedSpec<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("rewritePath", &mut self.rewrite_path)])
    }
}

struct Owner(Ownership);

/// `ManagedFieldsEntry`, meta/v1.
#[derive(Default)]
struct Entry<'a> {
    fields: Option<Fields<'a>>,
}

#[derive(Default)]
struct Fields<'a> {
    spec: Option<SpecFields<'a>>,
}

#[derive(Default)]
struct SpecFields<'a> {
    rewrite_path: Option<Raw<'a>>,
}

impl Default for Owner {
    fn default() -> Self {
        Owner(Ownership::Unknown)
    }
}

/// Entry by entry: there may be thousands, and none is kept.
impl<'a> Read<'a> for Owner {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.items(|reader| {
            let mut entry = Entry::default();
            entry.read(reader)?;
            if self.0 != Ownership::Somebody {
                self.0 = if entry.owns_rewrite_path() { Ownership::Somebody } else { Ownership::Nobody };
            }
            Ok(())
        })
    }
}

impl<'a> Read<'a> for Entry<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("fieldsV1", &mut self.fields)])
    }
}

impl<'a> Read<'a> for Fields<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("f:spec", &mut self.spec)])
    }
}

impl<'a> Read<'a> for SpecFields<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("f:rewritePath", &mut self.rewrite_path)])
    }
}

impl Entry<'_> {
    fn owns_rewrite_path(&self) -> bool {
        let spec = self.fields.as_ref().and_then(|fields| fields.spec.as_ref());
        spec.is_some_and(|spec| spec.rewrite_path.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_owned_if_any_entry_names_it() {
        for (json, ownership) in [
            (
                r#"[{"fieldsV1":{"f:spec":{".":{},"f:url":{}}}},{"fieldsV1":{"f:spec":{"f:rewritePath":{}}}}]"#,
                Ownership::Somebody,
            ),
            (
                r#"[{"manager":"kubectl","fieldsV1":{"f:spec":{"f:url":{}}}},{"fieldsV1":{"f:status":{"f:rewritePath":{}}}}]"#,
                Ownership::Nobody,
            ),
            (r#"[{"fieldsV1":{"f:spec":{"f:rewritePath":{}}}},{"manager":"kubectl"}]"#, Ownership::Somebody),
            (r#"[{"manager":"kubectl"}]"#, Ownership::Nobody),
            (r#"[{"fieldsV1":null}]"#, Ownership::Nobody),
            ("[]", Ownership::Unknown),
            ("null", Ownership::Unknown),
            (r#""text""#, Ownership::Somebody),
            (r#"[{"fieldsV1":5}]"#, Ownership::Somebody),
        ] {
            assert_eq!(of_rewrite_path(Some(Raw(json.as_bytes())), None), ownership, "{json}");
        }
        assert_eq!(of_rewrite_path(None, None), Ownership::Unknown);
    }

    #[test]
    fn what_kubectl_applied_last_is_owned() {
        let owner =
            |annotations: &str| of_rewrite_path(Some(Raw(b"[{}]")), Some(Raw(annotations.as_bytes())));
        let applied = |manifest: &serde_json::Value| {
            let annotation = serde_json::json!({
                "a": 1,
                "kubectl.kubernetes.io/last-applied-configuration": manifest.to_string() + "\n",
            });
            owner(&annotation.to_string())
        };
        for (spec, ownership) in [
            (serde_json::json!({"url": "http://h/é\"", "rewritePath": "/a/"}), Ownership::Somebody),
            (serde_json::json!({"url": "http://h/", "rewritePath": ""}), Ownership::Nobody),
            (serde_json::json!({"url": "http://h/", "rewritePath": null}), Ownership::Nobody),
            (serde_json::json!({"url": "http://h/"}), Ownership::Nobody),
            (serde_json::json!(5), Ownership::Nobody),
        ] {
            assert_eq!(applied(&serde_json::json!({ "spec": spec })), ownership, "{spec}");
        }
        for annotations in ["null", "{}", "5", r#"{"kubectl.kubernetes.io/last-applied-configuration":"{"}"#]
        {
            assert_eq!(owner(annotations), Ownership::Nobody, "{annotations}");
        }
    }
}
