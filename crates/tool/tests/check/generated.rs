//! `--fix` on manifests in many styles. The result must equal, byte for byte, the manifest that was generated with
//! the correct value.

use modelendpoint_core::endpoint::policy;
use modelendpoint_lint::check::{Terms, check};
use modelendpoint_lint::fix::{Extent, fix};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::diff::{COMMANDS, apply};
use crate::workspace::Workspace;

const TERMS: Terms<'static> = Terms { policy: &policy::NONE, namespace: "default", generation: None };
const ALL: Extent = Extent { guesses: true, defaults: true };

/// An endpoint, and the style of its manifest.
#[derive(Debug, Clone)]
struct Written {
    /// The path of its url.
    path: &'static str,
    rewrite_path: Path,
    quote: &'static str,
    comment: &'static str,
    indent: usize,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Right,
    Slashless,
    Missing,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One field per line. If there is a rewritePath, it comes first.
    Block,
    /// The url as a block scalar.
    Literal,
    Flow,
    FlowOverLines,
}

fn written() -> impl Strategy<Value = Written> {
    (
        select(vec!["/", "/a/", "/ml-team/qwen-72b/"]),
        select(vec![Path::Right, Path::Slashless, Path::Missing, Path::Null]),
        select(vec!["", "'", "\""]),
        select(vec!["", "  # why", "\t# é: 'x' \"y\" {z}"]),
        1..5_usize,
        select(vec![Shape::Block, Shape::Literal, Shape::Flow, Shape::FlowOverLines]),
    )
        .prop_map(|(path, rewrite_path, quote, comment, indent, shape)| {
            let slashless = rewrite_path != Path::Slashless || path != "/";
            let rewrite_path = if slashless { rewrite_path } else { Path::Right };
            Written { path, rewrite_path, quote, comment, indent, shape }
        })
}

impl Written {
    /// The manifest with this margin: the original or the corrected one.
    fn manifest(&self, margin: &str, is_fixed: bool) -> String {
        let Written { path, quote, comment, .. } = self;
        let quoted = |value: &str| format!("{quote}{value}{quote}");
        let inner = format!("{margin}{}", " ".repeat(self.indent));
        let url = quoted(&format!("http://h.example{path}v1"));
        let value = match self.rewrite_path {
            Path::Missing if !is_fixed => None,
            // A missing one is written in the style of the url.
            Path::Missing if self.shape == Shape::Literal => Some((*path).to_owned()),
            Path::Null if is_fixed => Some((*path).to_owned()),
            Path::Null => Some("null".to_owned()),
            Path::Slashless if !is_fixed => Some(quoted(path.trim_end_matches('/'))),
            Path::Right | Path::Slashless | Path::Missing => Some(quoted(path)),
        };
        let url_first = self.rewrite_path == Path::Missing;
        let field = value.map(|value| format!("rewritePath: {value}"));
        let spec = match self.shape {
            Shape::Block | Shape::Literal => {
                let url = match self.shape {
                    Shape::Literal => format!("{inner}url: |-{comment}\n{inner}  http://h.example{path}v1\n"),
                    _ => format!("{inner}url: {url}{comment}\n"),
                };
                // An inserted field has no comment.
                let comment = if url_first { "" } else { comment };
                let field = field.map(|field| format!("{inner}{field}{comment}\n")).unwrap_or_default();
                if url_first { format!("\n{url}{field}") } else { format!("\n{field}{url}") }
            }
            Shape::Flow | Shape::FlowOverLines => {
                let gap = if self.shape == Shape::Flow { " ".to_owned() } else { format!("\n{inner}") };
                let start = if self.shape == Shape::Flow { String::new() } else { gap.clone() };
                let fields = [Some(format!("url: {url}")), field];
                let mut fields: Vec<_> = fields.into_iter().flatten().collect();
                if !url_first {
                    fields.reverse();
                }
                format!(" {{{start}{}}}{comment}\n", fields.join(&format!(",{gap}")))
            }
        };
        format!(
            "apiVersion: modelplane.ai/v1alpha1\n{margin}kind: ModelEndpoint\n{margin}spec:{spec}{margin}# end\n{margin}status: {{}}\n"
        )
    }
}

fn file(endpoints: &[Written], is_list: bool, is_fixed: bool) -> String {
    let other = "kind: Secret\napiVersion: v1\nstringData: {a: |\n  url: http://h.example/a\n}\n";
    if is_list {
        let items = endpoints.iter().map(|endpoint| format!("- {}", endpoint.manifest("  ", is_fixed)));
        return format!("kind: List\napiVersion: v1\nitems:\n{}", items.collect::<String>());
    }
    let other = other.replace("{a: |\n  url: http://h.example/a\n}", "\n  a: |\n    url: http://h.example/a");
    let documents = endpoints.iter().map(|endpoint| format!("---\n{}", endpoint.manifest("", is_fixed)));
    format!("# Source: chart/secret.yaml\n{other}{}", documents.collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fix_changes_what_is_wrong_and_not_a_byte_more(
        endpoints in prop::collection::vec(written(), 1..4),
        is_list: bool,
        is_crlf: bool,
        is_open: bool,
    ) {
        let file = |is_fixed| {
            let text = file(&endpoints, is_list, is_fixed);
            let text = if is_open { text.trim_end().to_owned() } else { text };
            if is_crlf { text.replace('\n', "\r\n") } else { text }
        };
        let (before, after) = (file(false), file(true));
        let fixed = fix(&before, TERMS, ALL).map_or_else(|| before.clone(), |fixed| fixed.text);
        prop_assert_eq!(&fixed, &after);
        prop_assert_eq!(fix(&after, TERMS, ALL), None);
        prop_assert_eq!(check(&after, TERMS).findings, vec![]);
    }
}

/// The number of files in one diff.
const FILES: usize = 200;

#[test]
fn a_diff_that_is_applied_does_what_a_fix_does() {
    let mut runner = TestRunner::deterministic();
    let strategy = (prop::collection::vec(written(), 1..4), any::<bool>(), any::<bool>());
    let files: Vec<_> = (0..FILES)
        .map(|number| {
            let (endpoints, is_list, is_crlf) = strategy.new_tree(&mut runner).expect("a file").current();
            let file = |is_fixed| {
                let text = file(&endpoints, is_list, is_fixed);
                if is_crlf { text.replace('\n', "\r\n") } else { text }
            };
            (format!("{number:03}.yaml"), file(false), file(true))
        })
        .collect();
    let before: Vec<_> = files.iter().map(|(name, before, _)| (name.as_str(), before.as_str())).collect();
    let run = Workspace::with(&before).check(&["--diff", "--fix-defaults", "."]);
    // Nothing around a change is a secret.
    assert!(!run.err.contains("note: "), "{}", run.err);
    for command in COMMANDS {
        let workspace = Workspace::with(&before);
        apply(&workspace, command, &run.out);
        for (name, _, after) in &files {
            assert_eq!(&workspace.read(name), after, "{command:?} {name}");
        }
    }
}
