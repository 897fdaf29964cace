//! A path flows in; the parts of it that belong to the API flow out: a version, an operation.
//!
//! Clients of the gateway send `/v1/chat/completions` themselves, so neither belongs in a base path.

use super::url::range_of;

/// What a client sends after `/v1/`. A single word can be the name of a team or a model, so it counts only after a
/// version, or alone.
const OPERATIONS: [&[&str]; 19] = [
    &["chat", "completions"],
    &["images", "generations"],
    &["images", "edits"],
    &["audio", "transcriptions"],
    &["audio", "translations"],
    &["audio", "speech"],
    &["completions"],
    &["responses"],
    &["embeddings"],
    &["messages"],
    &["models"],
    &["moderations"],
    &["rerank"],
    &["batches"],
    &["files"],
    &["realtime"],
    &["converse"],
    &["invocations"],
    &["invoke"],
];

/// Google writes an operation after a colon.
const VERBS: [&str; 9] = [
    "generateContent",
    "streamGenerateContent",
    "embedContent",
    "batchEmbedContents",
    "countTokens",
    "predict",
    "rawPredict",
    "streamRawPredict",
    "generateText",
];

/// An operation at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation<'a> {
    /// As it is written, such as `chat/completions` or `gemini-pro:generateContent`.
    pub text: &'a str,
    /// The path before it, without a trailing slash. `None` if that is not a base path either.
    pub base: Option<&'a str>,
}

/// The operation that a path ends in.
#[must_use]
pub(super) fn operation(path: &str) -> Option<Operation<'_>> {
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
    if last.rsplit_once(':').is_some_and(|(_, verb)| VERBS.contains(&verb)) {
        return Some(Operation { text: last, base: None });
    }
    // Nearly every path ends in another word.
    if !OPERATIONS.iter().any(|words| words.ends_with(&[last])) {
        return None;
    }
    let segments: Vec<_> =
        path.rsplit('/').take(MOST_SEGMENTS).filter(|segment| !segment.is_empty()).collect();
    let words = OPERATIONS.iter().find(|words| {
        let ends_in = words.iter().rev().zip(&segments).filter(|(word, segment)| word == segment).count();
        let before = segments.get(words.len());
        let is_certain = words.len() > 1 || ["completions", "invocations", "invoke"].contains(&words[0]);
        ends_in == words.len() && (is_certain || before.is_none_or(|before| is_version(before)))
    })?;
    let first = *segments.get(words.len() - 1)?;
    let start = range_of(path, first)?.start;
    Some(Operation {
        text: path.get(start..)?,
        base: path.get(..start).map(|base| base.trim_end_matches('/')),
    })
}

/// The segments to look at, from the end.
const MOST_SEGMENTS: usize = 4;

/// The first segment of a path that is an API version.
#[must_use]
pub(super) fn version(path: &str) -> Option<&str> {
    path.split('/').find(|segment| is_version(segment))
}

/// `v1`, `V2`, `v1beta`, `v1p1beta1`, `v1.0`, `v1-openai`, `v1;x`: a number after a `v`, and then nothing, a stage,
/// or something after a separator.
#[must_use]
pub(super) fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix(['v', 'V']) else { return false };
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.len() - behind.len();
    (1..=2).contains(&digits) && (behind.starts_with(is_sign) || behind.is_empty() || is_stage(behind))
}

fn is_sign(character: char) -> bool {
    character.is_ascii_punctuation() && !matches!(character, '_' | '~')
}

/// `beta`, `alpha2`, `p1beta1`, `preview`.
fn is_stage(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits = |c: char| c.is_ascii_digit();
    let point = lower.strip_prefix('p').map(|rest| rest.trim_start_matches(digits));
    let stage = point.filter(|rest| rest.len() + 1 < lower.len()).unwrap_or(&lower);
    ["alpha", "beta", "preview"].contains(&stage.trim_end_matches(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_number() {
        for version in [
            "v1",
            "v12",
            "V2",
            "v1beta",
            "v1alpha2",
            "v1Preview",
            "v1.0",
            "v1p1beta1",
            "v1-openai",
            "v1;x",
            "v1,",
        ] {
            assert!(is_version(version), "{version}");
        }
        for name in [
            "v", "valpha", "v1x", "version", "1", "a1", "", "v100", "v2ray", "v1_model", "vp1beta1",
            "v1pbeta",
        ] {
            assert!(!is_version(name), "{name}");
        }
    }

    #[test]
    fn an_operation_is_told_from_a_name() {
        for (path, text, base) in [
            ("/v1/chat/completions", "chat/completions", Some("/v1")),
            ("/openai/v1/chat/completions/", "chat/completions", Some("/openai/v1")),
            ("/chat/completions", "chat/completions", Some("")),
            ("/v1/responses", "responses", Some("/v1")),
            ("/v1/models", "models", Some("/v1")),
            ("/responses", "responses", Some("")),
            ("/endpoints/mine/invocations", "invocations", Some("/endpoints/mine")),
            ("/v1beta/models/gemini-pro:generateContent", "gemini-pro:generateContent", None),
        ] {
            assert_eq!(operation(path), Some(Operation { text, base }), "{path}");
        }
        for path in [
            "",
            "/",
            "/v1",
            "/ml-team/embeddings",
            "/models/llama",
            "/team/models",
            "/a:b",
            "/chat",
            "/v1/chat/completions/x",
        ] {
            assert_eq!(operation(path), None, "{path}");
        }
    }
}
