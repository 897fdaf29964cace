//! `metadata.managedFields` flows in; whether anyone owns `spec.rewritePath` flows out.
//!
//! A field that a webhook added is owned by nobody, until somebody applies or changes it (Kubernetes,
//! server-side apply, field management).

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use super::json::{self, Raw};
use crate::endpoint::mutation::Ownership;

/// Says who owns `spec.rewritePath`. What can't be read counts as owned: then nothing is touched.
#[must_use]
pub fn of_rewrite_path(managed_fields: Option<Raw<'_>>) -> Ownership {
    let Some(Raw(json)) = managed_fields else { return Ownership::Unknown };
    json::from_slice(json).unwrap_or(Ownership::Somebody)
}

/// Entry by entry: there may be thousands, and none is kept.
impl<'de> Deserialize<'de> for Ownership {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OwnershipVisitor)
    }
}

struct OwnershipVisitor;

impl<'de> Visitor<'de> for OwnershipVisitor {
    type Value = Ownership;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ManagedFieldsEntry, or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Ownership::Unknown)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = Ownership::Unknown;
        while let Some(entry) = entries.next_element::<Entry>()? {
            if found != Ownership::Somebody {
                found = if entry.owns_rewrite_path() { Ownership::Somebody } else { Ownership::Nobody };
            }
        }
        Ok(found)
    }
}

/// `ManagedFieldsEntry`, meta/v1.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "fieldsV1", default)]
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "f:spec", default)]
    spec: Option<SpecFields>,
}

#[derive(Deserialize)]
struct SpecFields {
    #[serde(rename = "f:rewritePath", default)]
    rewrite_path: Option<IgnoredAny>,
}

impl Entry {
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
            (r#"[{"manager":"kubectl"}]"#, Ownership::Nobody),
            (r#"[{"fieldsV1":null}]"#, Ownership::Nobody),
            ("[]", Ownership::Unknown),
            ("null", Ownership::Unknown),
            (r#""text""#, Ownership::Somebody),
            (r#"[{"fieldsV1":5}]"#, Ownership::Somebody),
        ] {
            assert_eq!(of_rewrite_path(Some(Raw(json.as_bytes()))), ownership, "{json}");
        }
        assert_eq!(of_rewrite_path(None), Ownership::Unknown);
    }
}
