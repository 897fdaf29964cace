//! The conditions that Crossplane reports for a stored endpoint flow in; whether its EndpointSlice follows it flows
//! out.

use super::json::{self, Parsed, Raw, RawText, Read, Reader};

/// Whether Crossplane could not apply the EndpointSlice of the stored endpoint: the condition `Synced` is false for
/// this generation, and its message names the slice as Modelplane's composition does.
///
/// If an API server accepts a host in a new slice but not in an existing one, the only reason is that `addressType`
/// is immutable. Conditions that can't be read count as no.
#[must_use]
pub(super) fn is_slice_stuck(generation: Option<Raw<'_>>, status: Option<Raw<'_>>) -> bool {
    let Some(Raw(status)) = status else { return false };
    let Ok(Some(status)) = json::from_slice::<Option<Status<'_>>>(status) else { return false };
    let observed = status.conditions.unwrap_or_default().stuck_at;
    observed.is_some() && observed == generation
}

/// The beginning of Crossplane's message about what it could not apply
/// (`internal/controller/apiextensions/composite`).
const UNSYNCED: &str = "Unsynced resources: ";
/// The name of the slice in Modelplane's composition function.
const SLICE: &str = "endpointslice";

#[derive(Default)]
struct Status<'a> {
    conditions: Option<Conditions<'a>>,
}

#[derive(Default)]
struct Conditions<'a> {
    /// The generation for which the slice could not be applied.
    stuck_at: Option<Raw<'a>>,
}

/// `Condition`, as Crossplane writes it.
#[derive(Default)]
struct Condition<'a> {
    kind: RawText<'a>,
    status: RawText<'a>,
    message: RawText<'a>,
    observed_generation: Option<Raw<'a>>,
}

impl<'a> Read<'a> for Status<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("conditions", &mut self.conditions)])
    }
}

impl<'a> Read<'a> for Conditions<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.items(|reader| {
            let mut condition = Condition::default();
            condition.read(reader)?;
            if condition.says_that_the_slice_is_stuck() {
                self.stuck_at = condition.observed_generation;
            }
            Ok(())
        })
    }
}

impl<'a> Read<'a> for Condition<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([
            ("type", &mut self.kind),
            ("status", &mut self.status),
            ("message", &mut self.message),
            ("observedGeneration", &mut self.observed_generation),
        ])
    }
}

impl Condition<'_> {
    fn says_that_the_slice_is_stuck(&self) -> bool {
        self.kind == *"Synced"
            && self.status == *"False"
            && self.message.lossy().strip_prefix(UNSYNCED).is_some_and(|names| names.contains(SLICE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: &str = r#"{"lastTransitionTime":"2026-11-26T13:06:17Z","message":"Unsynced resources: endpointslice","observedGeneration":6,"reason":"ReconcileError","status":"False","type":"Synced"}"#;

    fn is_stuck(generation: &str, status: &str) -> bool {
        is_slice_stuck(Some(Raw(generation.as_bytes())), Some(Raw(status.as_bytes())))
    }

    fn conditions(conditions: &str) -> String {
        format!(r#"{{"conditions":[{conditions}],"routing":{{"backendName":"b"}}}}"#)
    }

    #[test]
    fn a_slice_is_stuck_while_crossplane_says_so_of_this_generation() {
        let generation = "6";
        let ready = r#"{"observedGeneration":6,"reason":"Available","status":"True","type":"Ready"}"#;
        let both = STUCK.replace("endpointslice", "endpointslice, service");
        for status in [STUCK.to_owned(), format!("{STUCK},{ready}"), format!("{ready},{STUCK}"), both] {
            assert!(is_stuck(generation, &conditions(&status)), "{status}");
        }
        for (this, that) in [
            ("6,\"reason", "5,\"reason"),
            ("\"observedGeneration\":6,", ""),
            ("\"False\"", "\"True\""),
            ("\"Synced\"", "\"Ready\""),
            ("Unsynced resources: endpointslice", "Unsynced resources: service"),
            ("Unsynced resources: endpointslice", "cannot compose resources: endpointslice"),
            ("\"Unsynced resources: endpointslice\"", "null"),
        ] {
            let status = STUCK.replacen(this, that, 1);
            assert_ne!(status, STUCK);
            assert!(!is_stuck(generation, &conditions(&status)), "{status}");
        }
        assert!(!is_stuck("7", &conditions(STUCK)));
    }

    #[test]
    fn what_cannot_be_read_counts_as_no() {
        let generation = "6";
        for status in
            ["null", "5", "{}", r#"{"conditions":null}"#, r#"{"conditions":{}}"#, r#"{"conditions":[5]}"#]
        {
            assert!(!is_stuck(generation, status), "{status}");
        }
        assert!(!is_slice_stuck(None, Some(Raw(conditions(STUCK).as_bytes()))));
        assert!(!is_slice_stuck(Some(Raw(generation.as_bytes())), None));
    }
}
