//! A pattern of hosts, and a host, flow in; whether they match flows out.

/// The last two labels, which a pattern always has without a `*`.
#[must_use]
pub(super) fn domain(host: &str) -> &str {
    let at = host.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    &host[at..]
}

/// Whether a host in lower case matches the pattern.
#[must_use]
pub(super) fn matches(pattern: &str, host: &str) -> bool {
    if let Some(domain) = pattern.strip_prefix("*.")
        && !domain.contains('*')
    {
        return host.strip_suffix(domain).is_some_and(|before| before.len() > 1 && before.ends_with('.'));
    }
    let mut labels = host.split('.');
    pattern.split('.').all(|own| labels.next().is_some_and(|label| is_label_of(own, label)))
        && labels.next().is_none()
}

fn is_label_of(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((before, behind)) => {
            label.strip_prefix(before).is_some_and(|rest| rest.len() > behind.len() && rest.ends_with(behind))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_letters_of_one_label_or_for_labels_in_front() {
        for (pattern, host, is_one) in [
            ("api.openai.com", "api.openai.com", true),
            ("api.openai.com", "x.api.openai.com", false),
            ("*.openai.azure.com", "mine.openai.azure.com", true),
            ("*.openai.azure.com", "a.b.openai.azure.com", true),
            ("*.openai.azure.com", "openai.azure.com", false),
            ("*.openai.azure.com", "mineopenai.azure.com", false),
            ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com", true),
            ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.amazonaws.com", false),
            ("*-aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com", true),
            ("*-aiplatform.googleapis.com", "aiplatform.googleapis.com", false),
        ] {
            assert_eq!(matches(pattern, host), is_one, "{pattern} {host}");
        }
        assert_eq!(domain("a.b.c"), "b.c");
        assert_eq!(domain("b.c"), "b.c");
        assert_eq!(domain("c"), "c");
    }
}
