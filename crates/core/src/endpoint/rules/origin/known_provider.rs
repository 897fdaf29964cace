//! An endpoint with an origin flows in; the known provider that it leads to, and what it sends there, flows out.

use crate::endpoint::api_path;
use crate::endpoint::field::Value;
use crate::endpoint::origin::{DEFAULT_PREFIX, second_separator};
use crate::endpoint::providers::{self, Provider, Schema};
use crate::endpoint::rules::Subject;

/// What is sent to a known provider.
pub(super) struct Known<'a> {
    pub provider: &'static Provider,
    /// Whose requests are sent.
    pub schema: Schema,
    /// The prefix without an operation at its end, which has its own rule.
    pub prefix: &'a str,
}

/// The provider behind an origin that is scheme, host and port; `None` for an endpoint of Modelplane's own, whose
/// prefix is Modelplane's.
pub(super) fn known_provider<'a>(subject: &Subject<'a>) -> Option<Known<'a>> {
    let origin = subject.origin.text()?;
    let parts = &origin.parts;
    let has_more = parts.userinfo.is_some() || parts.query.is_some() || parts.fragment.is_some();
    let is_plain = origin.fault.is_none() && parts.path.is_empty() && !has_more;
    if !is_plain || second_separator(parts.text).is_some() || subject.spec.cluster != Value::Absent {
        return None;
    }
    let schema = subject.schema()?;
    let written = match subject.spec.prefix {
        Value::Absent => DEFAULT_PREFIX,
        Value::Text(prefix) => prefix,
        Value::NotText => return None,
    };
    let prefix = api_path::operation(written).and_then(|operation| operation.base).unwrap_or(written);
    let host = origin.name()?;
    let provider =
        providers::at(host).or_else(|| providers::with_telltale(prefix, parts.effective_port()))?;
    Some(Known { provider, schema, prefix })
}

impl Known<'_> {
    /// Whose requests to send, as far as the provider's API and the prefix say; `None` where it understands nobody's.
    pub(super) fn wanted_schema(&self) -> Option<Schema> {
        let understands = |schema: &Schema| self.provider.understands(*schema, self.prefix);
        if understands(&self.schema) {
            return Some(self.schema);
        }
        let of_prefix = self.provider.schemas().find(understands);
        let of_provider = || self.provider.schemas().find(|schema| *schema == self.schema);
        of_prefix.or_else(of_provider).or_else(|| self.provider.schemas().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Spec;
    use crate::endpoint::judge::judge;
    use crate::endpoint::policy::NOWHERE;

    /// What is said of requests to a place, each as a message that the API server would show.
    fn said(origin: &str, schema: Schema, prefix: &str, with_key: bool) -> Vec<String> {
        let text = Value::Text;
        let spec = Spec {
            origin: text(origin),
            schema: text(schema.name()),
            prefix: text(prefix),
            credential: if with_key { Value::NotText } else { Value::Absent },
            ..Spec::EMPTY
        };
        let violations = judge(&Subject::of(spec, None, &NOWHERE));
        violations.iter().map(|v| format!("{}: {v} [{}]", v.rule.field.path(), v.rule.id)).collect()
    }

    fn ids(said: &[String]) -> Vec<&str> {
        said.iter().filter_map(|message| message.rsplit(['[', ']']).nth(1)).collect()
    }

    #[test]
    fn every_entry_is_judged_as_it_says() {
        for provider in providers::all() {
            let name = provider.name;
            let is_usable = provider.schemas().next().is_some() && provider.query.is_none();
            for host in &provider.hosts {
                let origin = format!("https://{}", host.replace('*', "x1"));
                let of_api = if is_usable { vec![] } else { vec!["provider-api"] };
                for schema in Schema::ALL {
                    for base in provider.bases_of(schema) {
                        let base = if base.is_empty() { "/" } else { &base.replace('*', "x2") };
                        assert_eq!(
                            ids(&said(&origin, schema, base, true)),
                            of_api,
                            "{name}: {schema:?} {base}"
                        );
                    }
                    let wrong = said(&origin, schema, "/no/such/path", true);
                    let mut expected = of_api.clone();
                    let is_understood = provider.schemas().any(|other| other == schema);
                    if is_usable && !is_understood {
                        expected.push("provider-schema");
                    }
                    if is_usable {
                        expected.push("provider-prefix");
                    }
                    assert_eq!(ids(&wrong), expected, "{name}: {schema:?}");
                    let written =
                        if is_understood { schema } else { provider.schemas().next().unwrap_or(schema) };
                    if let Some(base) = provider.bases_of(written).first().filter(|_| is_usable) {
                        let base = if base.is_empty() { "/" } else { base };
                        assert!(
                            wrong.iter().any(|said| said.contains(&format!("write `{base}`"))),
                            "{wrong:?}"
                        );
                    }
                }
                let schema = provider.schemas().next().unwrap_or(Schema::OpenAI);
                let base = provider
                    .bases_of(schema)
                    .first()
                    .map_or("/v1".to_owned(), |base| base.replace('*', "x2"));
                let base = if base.is_empty() { "/" } else { &base };
                let asks = is_usable && provider.credential.is_some() && !provider.is_key_optional;
                let expected = if asks { vec!["provider-credential"] } else { of_api };
                assert_eq!(ids(&said(&origin, schema, base, false)), expected, "{name}");
            }
            for telltale in &provider.telltales {
                let port = provider.port.map(|port| format!(":{port}")).unwrap_or_default();
                let origin = format!("http://llm.ml.svc.cluster.local{port}");
                let is_base = provider.understands(Schema::OpenAI, telltale);
                let expected = if is_base { vec![] } else { vec!["provider-prefix"] };
                assert_eq!(
                    ids(&said(&origin, Schema::OpenAI, telltale, false)),
                    expected,
                    "{name}: {telltale}"
                );
            }
        }
    }

    #[test]
    fn no_message_is_cut_short() {
        for provider in providers::all() {
            for host in &provider.hosts {
                let origin = format!("https://{}", host.replace('*', "x1"));
                for schema in Schema::ALL {
                    for prefix in ["/no/such/path", "/v1", "/anthropic/v1"] {
                        for message in said(&origin, schema, prefix, false) {
                            let length = message.chars().count();
                            assert!(length < 120, "{length}: {message}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_prefix_that_was_left_out_is_judged_as_the_default() {
        let spec =
            Spec { origin: Value::Text("https://api.groq.com"), credential: Value::NotText, ..Spec::EMPTY };
        let violations = judge(&Subject::of(spec, None, &NOWHERE));
        let said: Vec<_> = violations.iter().map(|v| (v.rule.id, v.to_string(), v.part.clone())).collect();
        let message = "is `/v1` by default, which is not Groq's path; write `/openai/v1`".to_owned();
        assert_eq!(said, [("provider-prefix", message, None)]);
        let openai = Spec { origin: Value::Text("https://api.openai.com"), ..spec };
        assert!(judge(&Subject::of(openai, None, &NOWHERE)).is_empty());
    }

    #[test]
    fn only_a_plain_origin_of_somebody_elses_is_a_providers() {
        let groq = Spec { origin: Value::Text("https://api.groq.com"), ..Spec::EMPTY };
        let name = |spec: Spec<'static>| {
            let subject = Subject::of(spec, None, &NOWHERE);
            known_provider(&subject).map(|known| known.provider.name)
        };
        let origin = |origin: &'static str| Spec { origin: Value::Text(origin), ..Spec::EMPTY };
        assert_eq!(name(groq), Some("Groq"));
        assert_eq!(name(origin("http://API.groq.com:8443")), Some("Groq"));
        for spec in [
            origin("https://api.groq.com/openai/v1"),
            origin("https://user@api.groq.com"),
            origin("https://api.groq.com?x=1"),
            origin("https://api.groq.com#x"),
            origin("https://api.groq.com://8080"),
            origin("https://llm.example.com"),
            Spec { cluster: Value::Text("gw-eu"), ..groq },
            Spec { schema: Value::Text("openai"), ..groq },
            Spec { schema: Value::NotText, ..groq },
            Spec { prefix: Value::NotText, ..groq },
        ] {
            assert_eq!(name(spec), None, "{spec:?}");
        }
    }
}
