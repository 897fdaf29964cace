//! Bytes that are not a valid `AdmissionReview` flow in; the UID for the answer flows out.
//!
//! kube-apiserver accepts an answer only with the request's UID. So this searches for the UID even in JSON that is
//! cut off, corrupted or has the wrong shape. A person then reads what is wrong instead of "failed calling webhook".

/// The string at `request.uid`, from the readable part of the bytes. If there are several, the last one, as in Go's
/// decoder.
#[must_use]
pub(super) fn find_uid(body: &[u8]) -> Option<String> {
    let mut scan = Scan { body, at: 0 };
    let mut uid = None;
    let mut depth = 0_usize;
    let mut in_request = false;
    while let Some(byte) = scan.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                in_request &= depth > 1;
                if depth == 0 {
                    break;
                }
            }
            b'"' => {
                let Some(word) = scan.string() else { break };
                if !scan.skip_to(b':') {
                    continue; // a value
                }
                match (depth, word.as_str()) {
                    (1, "request") => in_request = scan.peek() == Some(b'{'),
                    (2, "uid") if in_request && scan.skip_to(b'"') => uid = scan.string().or(uid),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    uid.filter(|uid| !uid.is_empty())
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.body.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while self.body.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.body.get(self.at).copied()
    }

    /// Steps over `byte`, if there is only white space before it.
    fn skip_to(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The string whose opening quote was just read. `None` if it never ends. Empty if it is not UTF-8.
    fn string(&mut self) -> Option<String> {
        let start = self.at - 1;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        Some(serde_json::from_slice(&self.body[start..self.at]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uid_is_found_in_whatever_is_left() {
        let deep = format!(r#"{{"a":{}1,"request":{{"uid":"u"}}}}"#, "[".repeat(100_000));
        let found: [(&[u8], Option<&str>); 23] = [
            (br#"{"request":{"uid":"u"}}"#, Some("u")),
            (b" { \"request\" : { \"uid\" : \"u\" } } ", Some("u")),
            (br#"{"kind":"Other","request":{"uid":"u","object":{"metadata":{"uid":"o"}}"#, Some("u")),
            (br#"{"request":{"object":{"metadata":{"uid":"o"}},"uid":"u"}}"#, Some("u")),
            (br#"{"request":{"uid":"u","object":{"spec":{"url":"http://cut"#, Some("u")),
            (br#"{"request":{"uid":"u","operation":5,"kind":[]}}"#, Some("u")),
            (br#"{"request":{"uid":"a","uid":"b"}}"#, Some("b")),
            (br#"{"request":{"name":"\"uid\":\"n\"","uid":"u"}}"#, Some("u")),
            (br#"{"request":{"name":"\"}","uid":"u"}}"#, Some("u")),
            (br#"{"re\u0071uest":{"u\u0069d":"\u0075"}}"#, Some("u")),
            (b"{\"request\":{\"uid\":\"u\",\"name\":\"\xff\"}}", Some("u")),
            (br#"{"request":{"uid":"u"}}{"request":{"uid":"other"}}"#, Some("u")),
            (br#"{"other":{"uid":"o"},"request":{"uid":"u"}}"#, Some("u")),
            (br#"{"request":{"uid":"u"},"other":{"uid":"o"}}"#, Some("u")),
            (br#"{"request":{"uid":"u","object":{"a":{}}},"other":{"uid":"o"}}"#, Some("u")),
            (deep.as_bytes(), None),
            (b"{\"request\":{\"uid\":\"\xff\"}}", None),
            (br#"{"request":{"uid":""}}"#, None),
            (br#"{"request":{"uid":5}}"#, None),
            (br#"{"request":[{"uid":"u"}]}"#, None),
            (br#"{"request":{"object":{"uid":"o"}}}"#, None),
            (br#"{"uid":"o","request":{"uid":"cut"#, None),
            (b"", None),
        ];
        for (body, uid) in found {
            assert_eq!(
                find_uid(body).as_deref(),
                uid,
                "{}",
                String::from_utf8_lossy(&body[..body.len().min(80)])
            );
        }
    }
}
