//! The flags about the certificate in, the certificate to serve out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::certificates::clock::Clock;
use crate::certificates::files::{Content, Files};
use crate::certificates::managed::configuration::Service;
use crate::certificates::managed::lifetimes::Lifetimes;
use crate::certificates::managed::{self, api_server};
use crate::certificates::pair::Pair;
use crate::certificates::served::Served;
use crate::cli;
use modelendpoint_issuer::{Issued, issue_once};

/// Where the certificate comes from.
pub(super) enum CertificateSource {
    Files(Files),
    SelfSigned,
    Managed(managed::Settings, PathBuf),
}

/// Where the certificate came from, with what is needed to keep it up to date.
pub(super) enum Origin {
    Files(Files, Content),
    Issued(Issued),
    Managed(kube::Client, Arc<Clock>, managed::Settings),
}

impl CertificateSource {
    /// # Errors
    /// If the flags contradict each other: which ones to leave out, or to add.
    pub(super) fn of(args: &cli::Serve) -> anyhow::Result<Self> {
        if args.managed.managed_certs {
            if args.tls_cert.is_some()
                || args.tls_key.is_some()
                || args.self_signed
                || args.write_ca.is_some()
            {
                bail!(
                    "--managed-certs makes the certificate: leave out --tls-cert, --tls-key, --self-signed \
                     and --write-ca"
                )
            }
            let settings = settings(&args.managed)?;
            return Ok(Self::Managed(settings, args.managed.service_account.clone()));
        }
        match (&args.tls_cert, &args.tls_key, args.self_signed) {
            (Some(_), _, true) | (_, Some(_), true) => {
                bail!("--self-signed makes a certificate of its own: leave out --tls-cert and --tls-key")
            }
            (None, None, true) => Ok(Self::SelfSigned),
            (None, None, false) => bail!(
                "a certificate is missing: give --tls-cert and --tls-key, --managed-certs in a cluster, or \
                 --self-signed to try it out"
            ),
            _ if args.write_ca.is_some() => {
                bail!("--write-ca is for the CA that --self-signed makes: leave it out")
            }
            (Some(certificate), Some(key), false) => {
                Ok(Self::Files(Files { certificate: certificate.clone(), key: key.clone() }))
            }
            (Some(_), None, false) => bail!("--tls-key is missing: the private key of --tls-cert"),
            (None, Some(_), false) => bail!("--tls-cert is missing: the certificate of --tls-key"),
        }
    }

    /// The certificate to serve first, if there is one already.
    ///
    /// # Errors
    /// If the files can't be used, or the API server can't be found.
    pub(super) fn load(self, listen: IpAddr) -> anyhow::Result<(Arc<Served>, Origin)> {
        match self {
            Self::Files(files) => {
                let (content, pair) = files.load()?;
                Ok((Served::new(pair), Origin::Files(files, content)))
            }
            Self::SelfSigned => {
                let issued = issue_once(names(listen), DAYS).context("cannot make a certificate")?;
                let pair = Pair::from_pem(issued.leaf.certificate.as_bytes(), issued.leaf.key.as_bytes())
                    .map_err(|defect| anyhow::anyhow!("cannot use the new certificate: {defect}"))?;
                Ok((Served::new(pair), Origin::Issued(issued)))
            }
            Self::Managed(settings, service_account) => {
                let clock = Arc::<Clock>::default();
                let client = api_server::client(&service_account, &clock)?;
                Ok((Served::empty(Arc::clone(&clock)), Origin::Managed(client, clock, settings)))
            }
        }
    }
}

fn settings(flags: &cli::ManagedCerts) -> anyhow::Result<managed::Settings> {
    Ok(managed::Settings {
        service: Service { namespace: flags.namespace.clone(), name: flags.service.clone() },
        secret: flags.secret.clone(),
        mutating_configuration: flags.mutating_config.clone(),
        validating_configuration: flags.validating_config.clone(),
        lifetimes: Lifetimes::new(flags.managed_ca_lifetime, flags.managed_leaf_lifetime)?,
    })
}

/// How long the certificate of `--self-signed` is valid.
const DAYS: u16 = 30;

fn names(listen: IpAddr) -> Vec<String> {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut names = vec!["localhost".to_owned()];
    names.extend(loopback.map(|ip| ip.to_string()));
    if !listen.is_unspecified() && !loopback.contains(&listen) {
        names.push(listen.to_string());
    }
    names
}
