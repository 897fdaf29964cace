//! Where the server's certificate comes from, and whose certificates it accepts.
//!
//! PEM comes from files ([`files`]), from `crates/issuer` to try out the server, or from a Secret that the replicas keep
//! up to date ([`managed`]). It becomes a [`pair::Pair`], whose key is checked against its certificate. Every handshake
//! gets the pair in [`served::Served`]. [`clients`] checks clients, and [`clock`] has the time of the API server.
//! [`crate::reload`] reloads the certificate and the client CA when their files change.

pub(crate) mod clients;
pub(crate) mod clock;
pub(crate) mod files;
pub mod managed;
pub mod pair;
pub mod served;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use k8s_openapi::api::core::v1::Secret;

    use super::managed::authority::Signer;
    use super::managed::lifetimes::Lifetimes;
    use super::managed::stored::Stored;
    use super::managed::watch::Seen;
    use super::pair::Pair;
    use super::served::Served;
    use modelendpoint_issuer::issue_once;

    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(9000), leaf: Duration::from_hours(700) };

    /// Whether the text contains 12 bytes of the private part of the key: in base64, as in PEM, or as `Debug` writes
    /// bytes. The public part is also in the certificate.
    fn shows(text: &str, key: &str) -> bool {
        const BEFORE: [u8; 5] = [0x02, 0x01, 0x01, 0x04, 0x20];
        let pem = ::pem::parse(key).expect("a key in PEM");
        let der = pem.contents();
        let before = der.windows(BEFORE.len()).position(|bytes| bytes == BEFORE).expect("an ECPrivateKey");
        let secret = before + BEFORE.len()..before + BEFORE.len() + 32;
        let base64 = STANDARD.encode(der);
        let in_base64 = &base64.as_bytes()[secret.start.div_ceil(3) * 4..secret.end / 3 * 4];
        let numbers = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let without_breaks = text.replace("\\n", "");
        in_base64.windows(16).any(|part| {
            let part = str::from_utf8(part).expect("ASCII");
            without_breaks.contains(part) || text.contains(&numbers(part.as_bytes()))
        }) || der[secret].windows(12).any(|part| text.contains(&numbers(part)))
    }

    #[test]
    fn no_key_is_ever_printed() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let issued = issue_once(vec!["localhost".to_owned()], 1)?;
        let pair = Pair::from_pem(issued.leaf.certificate.as_bytes(), issued.leaf.key.as_bytes())?;
        let key = issued.leaf.key.clone();
        assert!(shows(&format!("{:?}", key.lines().collect::<String>()), &key), "it would be seen");
        assert!(shows(&format!("{:#?}", ::pem::parse(&key)?.contents()), &key), "it would be seen");
        let shown = format!("{pair:?} {pair:#?}");
        let pair = format!("{shown} {:?}", Served::new(pair));
        for text in [format!("{issued:?} {issued:#?}"), pair] {
            assert!(text.to_lowercase().contains("certif") && !shows(&text, &key), "{text}");
        }

        let signer = Signer::new(now, LIFETIMES)?;
        let leaf = signer.issue("w.w.svc", now, LIFETIMES)?;
        let text = format!("{signer:?} {signer:#?} {leaf:?} {leaf:#?}");
        assert!(!shows(&text, &signer.key()) && !shows(&text, &leaf.key), "{text}");

        let stored = Stored::start("w.w.svc", now, LIFETIMES)?;
        let data = stored.write();
        let secret = Secret { data: Some(data.clone()), ..Secret::default() };
        let (seen, receiver) = tokio::sync::watch::channel(Seen::Present(Arc::new(secret)));
        let text = format!("{stored:?} {stored:#?} {seen:?} {:?}", *receiver.borrow());
        for key in ["ca.key", "tls.key"] {
            assert!(!shows(&text, str::from_utf8(&data[key].0)?), "{key}: {text}");
        }
        Ok(())
    }
}
