//! `metadata.managedFields` flows in; whether anyone owns `spec.rewritePath` flows out.
//!
//! A field that a webhook added is owned by nobody, until somebody applies or changes it (Kubernetes,
//! server-side apply, field management).

use super::json::{self, Parsed, Raw, Read, Reader};
use crate::endpoint::mutation::Ownership;

/// Says who owns `spec.rewritePath`. What can't be read counts as owned: then nothing is touched.
#[must_use]
pub(super) fn of_rewrite_path(managed_fields: Option<Raw<'_>>) -> Ownership {
    let Some(Raw(json)) = managed_fields else { return Ownership::Unknown };
    match json::from_slice::<Option<Owner>>(json) {
        Ok(owner) => owner.unwrap_or_default().0,
        Err(_) => Ownership::Somebody,
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
            assert_eq!(of_rewrite_path(Some(Raw(json.as_bytes()))), ownership, "{json}");
        }
        assert_eq!(of_rewrite_path(None), Ownership::Unknown);
    }
}
