//! The site as a person sees it, in headless Chromium.
//!
//! The page to try the webhook out gives the verdicts of the tool: `crates/tool/tests/check/corpus.rs` holds the
//! functions that it runs equal to the served webhook, and here WebAssembly is held equal to those.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use playground::{fixed, judged, version};
use serde_json::{Value, json};
use site::book;
use site::browser::Browser;
use site::playground as web;
use tempfile::TempDir;

const POLICY: &str = "rules:\n  url-http-on-443: deny\n  url-query: \"off\"\n";

/// The whole site, built once.
static SITE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    book::build(folder.path()).expect("the site builds");
    web::build(folder.path()).expect("the playground builds");
    folder
});

fn page(name: &str) -> PathBuf {
    SITE.path().join(name)
}

fn opened(fragment: &str) -> Browser {
    let mut browser = Browser::start().expect("a browser");
    browser.look(1200, 900, false).expect("a size");
    browser.open(&page("try.html"), fragment).expect("the page");
    browser.wait("document.getElementById('try-version').textContent !== '…'").expect("WebAssembly runs");
    browser
}

fn manifest(spec: &Value) -> String {
    let metadata = json!({ "name": "qwen", "namespace": "ml-team" });
    json!({ "apiVersion": "modelplane.ai/v1alpha1", "kind": "ModelEndpoint", "metadata": metadata, "spec": spec }).to_string()
}

fn corpus() -> Vec<String> {
    let files = [
        include_str!("../../tests/corpus/urls.jsonl"),
        include_str!("../../tests/corpus/rewrite_paths.jsonl"),
        include_str!("../../tests/corpus/origins.jsonl"),
    ];
    let samples = files.iter().flat_map(|file| file.lines());
    samples.map(|line| manifest(&serde_json::from_str::<Value>(line).expect("a sample")["spec"])).collect()
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn the_browser_judges_every_sample_of_the_corpus_as_the_tool_does() {
    let mut browser = opened("");
    let samples = corpus();
    assert!(samples.len() > 1000);
    for policy in ["", POLICY] {
        let script = format!(
            "import('./playground.js').then(({{ check, fix }}) => {}.map((sample) =>
                [check(sample, {policy}, 'default'), fix(sample, {policy}, 'default', true) ?? null]))",
            json!(samples),
            policy = json!(policy),
        );
        let seen = browser.evaluate(&script).expect("verdicts");
        for (sample, seen) in samples.iter().zip(seen.as_array().expect("a verdict for each")) {
            assert_eq!(
                seen,
                &json!([judged(sample, policy, "default"), fixed(sample, policy, "default", true)]),
                "{sample}"
            );
        }
    }
    assert_eq!(
        browser.evaluate("document.getElementById('try-version').textContent").expect("text"),
        json!(version())
    );
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn a_person_with_a_keyboard_gets_from_a_mistake_to_what_is_stored() {
    let mut browser = opened("");
    let status = "document.getElementById('try-status').textContent";
    let findings =
        "[...document.querySelectorAll('#try-findings a')].map((link) => link.getAttribute('href'))";
    assert_eq!(browser.evaluate(status).expect("text"), "1 ModelEndpoint: 1 refused, 2 findings.");
    let pages = json!(["rules/url-tls-port.html", "rules/rewrite-path-absolute.html"]);
    assert_eq!(browser.evaluate(findings).expect("links"), pages);

    // what is typed is judged; arrow keys stay in the text
    browser.evaluate("document.getElementById('try-manifests').select()").expect("a selection");
    browser
        .write(&manifest(&json!({ "url": "https://api.example.com/v1", "rewritePath": "openai" })))
        .expect("typed");
    browser.press("ArrowRight", 39).expect("a key");
    browser.wait(&format!("{status} === '1 ModelEndpoint: 1 refused, 1 finding.'")).expect("a verdict");

    // Tab reaches the suggestion, and Enter takes it
    let focused = "document.activeElement.textContent";
    for _ in 0..20 {
        if browser.evaluate(focused).expect("text") == "Use /openai/" {
            break;
        }
        browser.press("Tab", 9).expect("a key");
    }
    assert_eq!(browser.evaluate(focused).expect("text"), "Use /openai/");
    browser.press("Enter", 13).expect("a key");
    browser.wait(&format!("{status} === '1 ModelEndpoint: 0 refused, 0 findings.'")).expect("a verdict");
    let stored = "[...document.querySelectorAll('#try-stored td')].map((cell) => cell.textContent)";
    let row = json!(["spec.url: https://api.example.com/v1spec.rewritePath: /openai/"]);
    assert_eq!(browser.evaluate(stored).expect("a table"), row);

    // a link brings the same text, and asks no server
    browser.evaluate("document.getElementById('try-share').click()").expect("a click");
    browser.wait("location.hash.length > 1").expect("a fragment");
    let fragment = browser.evaluate("location.hash").expect("a fragment");
    let text = "document.getElementById('try-manifests').value";
    let written = browser.evaluate(text).expect("text");
    drop(browser);
    assert_eq!(opened(fragment.as_str().expect("text")).evaluate(text).expect("text"), written);
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn a_click_takes_the_sure_fixes_or_the_guesses_too_and_can_be_undone() {
    let mut browser = opened("");
    let text = "document.getElementById('try-manifests').value";
    // a slash at the end of rewritePath is sure; what an origin's host was meant to be is a guess
    let written = manifest(&json!({ "url": "https://api.groq.com/v1", "rewritePath": "/openai" }));
    browser.evaluate("document.getElementById('try-manifests').select()").expect("a selection");
    browser.write(&written).expect("typed");
    for (button, guesses) in [("try-fix", false), ("try-guess", true)] {
        let expected = fixed(&written, "", "default", guesses);
        let is_disabled = format!("document.getElementById('{button}').disabled === {}", expected.is_none());
        browser.wait(&is_disabled).expect("the button's state");
        browser.evaluate(&format!("document.getElementById('{button}').click()")).expect("a click");
        assert_eq!(browser.evaluate(text).expect("text"), json!(expected.expect("a fix")), "{button}");
        browser.evaluate("document.getElementById('try-undo').click()").expect("a click");
        assert_eq!(browser.evaluate(text).expect("text"), json!(written), "undo after {button}");
    }
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn the_page_of_a_known_provider_is_beside_its_endpoint() {
    let mut browser = opened("");
    browser.evaluate("document.getElementById('try-manifests').select()").expect("a selection");
    browser.write(&manifest(&json!({ "url": "https://api.groq.com/v1" }))).expect("typed");
    let link = "document.querySelector('#try-providers a')?.getAttribute('href')";
    browser.wait(&format!("{link} === 'providers/groq.html'")).expect("a link");
    let write = browser.evaluate("document.querySelector('#try-providers pre').textContent").expect("text");
    assert_eq!(write, "url: https://api.groq.com/openai/v1\n");
    assert!(page("providers/groq.html").exists());
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn a_screen_reader_has_a_name_for_every_control() {
    let mut browser = opened("");
    let tree = browser.call("Accessibility.getFullAXTree", &json!({})).expect("a tree");
    let nodes = tree["nodes"].as_array().expect("nodes");
    let controls = nodes.iter().filter(|node| {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        node["ignored"] == false && ["button", "textbox", "combobox", "link"].contains(&role)
    });
    let names: Vec<_> = controls.map(|node| node["name"]["value"].as_str().unwrap_or_default()).collect();
    assert!(names.contains(&"Manifests, in YAML or JSON"), "{names:?}");
    assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    let status = nodes.iter().find(|node| node["role"]["value"] == "status" && node["ignored"] == false);
    assert!(status.is_some(), "what changes is not told");
}

#[test]
#[ignore = "needs Chromium and the standard library for WebAssembly: .ci/site gets both"]
fn every_page_fits_a_phone() {
    let mut browser = Browser::start().expect("a browser");
    browser.look(360, 740, true).expect("a size");
    let mut wide = Vec::new();
    for file in html(SITE.path()) {
        browser.open(&file, "").expect("the page");
        let width = browser.evaluate("document.documentElement.scrollWidth").expect("a width");
        if width.as_u64().is_none_or(|width| width > 360) {
            wide.push((file, width));
        }
    }
    assert_eq!(wide, []);
}

fn html(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { html(&path) } else { vec![path] })
        // one is for readers without the sidebar, in a frame, and one sends its readers on
        .filter(|path| path.extension().is_some_and(|is| is == "html") && !path.ends_with("toc.html"))
        .filter(|path| !fs::read_to_string(path).expect("HTML").contains("http-equiv=\"refresh\""))
        .collect();
    files.sort();
    files
}
