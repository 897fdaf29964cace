//! A policy with overrides, by policies alone: what a rule does depends on the namespace.

use modelendpoint_core::endpoint::Generation;
use serde_json::json;

use crate::sample::Sample;
use crate::verdict::{Endpoints, Verdict};
use crate::world::{bare, install_policies, namespace, test};

const FILE: &str = "\
rules: {url-fragment: off}
overrides:
- namespaces: ['*-lenient']
  enforcement: warn
- namespaces: [silent]
  enforcement: audit
- namespaces: [strict, own-lenient]
  rules: {url-query: warn, url-fragment: deny}
";

#[test]
fn a_rule_does_in_each_namespace_what_the_last_override_says() {
    const NAMESPACES: [&str; 5] = ["strict", "other", "team-lenient", "own-lenient", "silent"];
    test(async {
        let control_plane = bare(Generation::Url).await?;
        for name in NAMESPACES {
            namespace(&control_plane, name).await?;
        }
        let policy = modelendpoint_policy::parse(FILE).expect("a policy");
        install_policies(&control_plane, Generation::Url, &policy, &NAMESPACES).await?;
        let spec = json!({ "url": "https://user@h.example/?a#b", "rewritePath": "/" });
        let stored =
            |warnings: &[&'static str]| Verdict::Stored { spec: spec.clone(), warnings: warnings.to_vec() };
        for (name, expected) in [
            ("strict", Verdict::Refused(vec!["url-userinfo", "url-fragment"])),
            ("other", Verdict::Refused(vec!["url-userinfo", "url-query"])),
            ("team-lenient", stored(&["url-userinfo", "url-query"])),
            ("own-lenient", stored(&["url-userinfo", "url-query", "url-fragment"])),
            ("silent", stored(&[])),
        ] {
            let verdict = Endpoints::of(&control_plane, name).create(&Sample::of(spec.clone())).await?;
            assert_eq!(verdict, expected, "{name}");
        }
        Ok(())
    });
}
