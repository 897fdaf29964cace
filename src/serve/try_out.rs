//! What `--self-signed` prints: commands that call the server.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::Context;

use modelendpoint_files::shown;
use modelendpoint_issuer::Issued;

/// Prints commands that try out a server with this certificate. Writes its CA to a file, if one is given.
///
/// # Errors
/// If the file can't be written.
pub(super) fn show(issued: &Issued, https: SocketAddr, write_ca: Option<&Path>) -> anyhow::Result<()> {
    if let Some(file) = write_ca {
        modelendpoint_files::write(file, issued.ca.as_bytes())
            .with_context(|| format!("cannot write --write-ca {}", shown(file)))?;
    }
    // If stdout is closed, nobody wants to read it.
    let _ = io::stdout().write_all(how_to_call(https, write_ca).as_bytes());
    Ok(())
}

/// Lines to paste into a terminal in the repository.
fn how_to_call(https: SocketAddr, ca: Option<&Path>) -> String {
    let host = match https.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = https.port();
    let trust = ca.map_or_else(
        || "--insecure".to_owned(),
        |ca| format!("--cacert {}", quoted(&ca.display().to_string())),
    );
    let remark = match ca {
        Some(_) => "",
        None => " (with --write-ca FILE instead of --insecure, curl checks the certificate)",
    };
    let curl = |example: &str, path: &str| {
        format!(
            "curl --silent --show-error {trust} -H 'Content-Type: application/json' \
             --data-binary @examples/{example} https://{host}:{port}{path}"
        )
    };
    format!(
        "Try it in another terminal, in the root of the repository{remark}:\n\n\
         # a patch that adds the trailing slash\n{}\n\n\
         # a denial of a url that cannot work\n{}\n",
        curl("create-without-slash.json", "/mutate"),
        curl("create-malformed.json", "/validate"),
    )
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
